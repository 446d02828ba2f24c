"""QR codes as pictures that stand alone. Called by the routes of groups and of second factors."""

import io

import segno

from edge.rest.errors import Problem


def qr_svg(text: str) -> str:
    """The text as SVG, with its namespace. Raises: Problem 422 too_long."""
    picture = io.BytesIO()
    try:
        segno.make_qr(text, error="m").save(picture, kind="svg", scale=4, border=4, xmldecl=False)
    except segno.DataOverflowError:
        raise Problem(422, "too_long", "the text does not fit into a QR code") from None
    return picture.getvalue().decode()
