/** Whole CSS pixels from the top left of the area. */
export interface Rect {
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
}
export interface Layout {
    readonly tiles: readonly Rect[];
    /** The shared screen; null: nobody shares one. */
    readonly screen: Rect | null;
}
/**
 * Rectangles for `tiles` pictures, which fill the area as well as they can; a last row that is not full stands in the middle.
 *
 * Shape: as many rectangles as `tiles`, row by row, inside the area, none over another.
 */
export declare function layout(tiles: number, screen: boolean, width: number, height: number): Layout;
