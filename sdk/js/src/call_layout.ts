// Where the pictures of a call stand: a grid for 1 to 16 and more, and with a screen in front of them. Pure.

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

const GAP = 8;
const WIDEST = 16 / 9; // a camera's picture: cut at the sides, it may become as narrow as a face
const NARROWEST = 3 / 4;
const SIDE_SHARE = 0.2; // of the width that the pictures beside a screen take; they stay recognisable
const SIDE_LEAST = 120;
const BELOW_SHARE = 0.38; // of the height, where they stand below it
const TWO_COLUMNS_FROM = 7;

/**
 * Rectangles for `tiles` pictures, which fill the area as well as they can; a last row that is not full stands in the middle.
 *
 * Shape: as many rectangles as `tiles`, row by row, inside the area, none over another.
 */
export function layout(tiles: number, screen: boolean, width: number, height: number): Layout {
  const whole = { x: 0, y: 0, width: Math.max(0, Math.floor(width)), height: Math.max(0, Math.floor(height)) };
  if (!screen) return { tiles: grid(tiles, whole), screen: null };
  if (tiles === 0) return { tiles: [], screen: whole };
  return whole.width >= whole.height ? beside(tiles, whole) : above(tiles, whole);
}

function beside(tiles: number, area: Rect): Layout {
  const columns = tiles >= TWO_COLUMNS_FROM ? 2 : 1;
  const strip = Math.min(Math.floor(area.width / 2), Math.max(SIDE_LEAST, Math.floor(area.width * SIDE_SHARE)) * columns);
  const screen = { ...area, width: area.width - strip - GAP };
  return { screen, tiles: grid(tiles, { ...area, x: screen.width + GAP, width: strip }) };
}

function above(tiles: number, area: Rect): Layout {
  const below = Math.floor(area.height * BELOW_SHARE);
  const screen = { ...area, height: area.height - below - GAP };
  return { screen, tiles: grid(tiles, { ...area, y: screen.height + GAP, height: below }) };
}

function grid(tiles: number, area: Rect): Rect[] {
  let best: { columns: number; size: Size } | null = null;
  for (let columns = 1; columns <= tiles; columns += 1) {
    const size = sizeOf(area, columns, Math.ceil(tiles / columns));
    if (best === null || size.width * size.height > best.size.width * best.size.height) best = { columns, size };
  }
  return best === null ? [] : placed(tiles, area, best.columns, best.size);
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The largest picture that fits so often, neither wider nor narrower than a picture may be. */
function sizeOf(area: Rect, columns: number, rows: number): Size {
  const width = Math.max(0, (area.width - GAP * (columns - 1)) / columns);
  const height = Math.max(0, (area.height - GAP * (rows - 1)) / rows);
  return { width: Math.floor(Math.min(width, height * WIDEST)), height: Math.floor(Math.min(height, width / NARROWEST)) };
}

function placed(tiles: number, area: Rect, columns: number, { width, height }: Size): Rect[] {
  const rows = Math.ceil(tiles / columns);
  const top = area.y + Math.floor((area.height - rows * height - GAP * (rows - 1)) / 2);
  return Array.from({ length: tiles }, (_, index) => {
    const row = Math.floor(index / columns);
    const in_row = row === rows - 1 ? tiles - row * columns : columns;
    const left = area.x + Math.floor((area.width - in_row * width - GAP * (in_row - 1)) / 2);
    return { x: left + (index % columns) * (width + GAP), y: top + row * (height + GAP), width, height };
  });
}
