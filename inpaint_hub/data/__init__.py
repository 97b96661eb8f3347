"""Images and holes for training. Importing this is fast."""

# The kinds of holes by name; `holes.KINDS` has their functions in this order.
HOLE_KINDS = ("rectangle", "rectangles", "border", "strokes", "folder", "spread", "object")
