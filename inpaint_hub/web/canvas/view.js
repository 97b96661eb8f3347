// Which part of the photo is seen, and how large. Lengths are CSS pixels unless a name says otherwise.

const LARGEST_SCALE = 32  // CSS pixels of a photo's pixel
const LEAST_ZOOM_MAX = 8

export class View {
  width = 1
  height = 1
  zoom = 1  // 1 shows the whole photo
  left = 0  // photo's pixel at the left edge
  top = 0

  constructor(photoWidth, photoHeight) {
    this.photoWidth = photoWidth
    this.photoHeight = photoHeight
  }

  // CSS pixels of a photo's pixel.
  get scale() {
    return (this.width / this.photoWidth) * this.zoom
  }

  // Take as much of the room as the photo's proportions allow.
  fitInto(roomWidth, roomHeight) {
    const scale = Math.min(roomWidth / this.photoWidth, roomHeight / this.photoHeight)
    this.width = Math.max(1, Math.round(this.photoWidth * scale))
    this.height = Math.max(1, Math.round(this.photoHeight * scale))
    this.#keepInside()
  }

  toPhoto(x, y) {
    return [this.left + x / this.scale, this.top + y / this.scale]
  }

  // Zoom by a factor; the point (x, y) stays where it is.
  zoomAt(x, y, factor) {
    const [photoX, photoY] = this.toPhoto(x, y)
    const most = Math.max(LEAST_ZOOM_MAX, (LARGEST_SCALE * this.photoWidth) / this.width)
    this.zoom = Math.min(most, Math.max(1, this.zoom * factor))
    this.left = photoX - x / this.scale
    this.top = photoY - y / this.scale
    this.#keepInside()
  }

  panBy(dx, dy) {
    this.left -= dx / this.scale
    this.top -= dy / this.scale
    this.#keepInside()
  }

  reset() {
    this.zoom = 1
    this.left = this.top = 0
  }

  // Let a context draw in pixels of the photo; `ratio` is device pixels of a CSS pixel.
  applyTo(context, ratio) {
    const scale = this.scale * ratio
    context.setTransform(scale, 0, 0, scale, -this.left * scale, -this.top * scale)
  }

  #keepInside() {
    const most = [this.photoWidth - this.width / this.scale, this.photoHeight - this.height / this.scale]
    this.left = Math.min(Math.max(0, most[0]), Math.max(0, this.left))
    this.top = Math.min(Math.max(0, most[1]), Math.max(0, this.top))
  }
}
