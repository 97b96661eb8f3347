// The canvas: the photo, what was filled, what is marked, and the tool that marks it.
import {Gestures} from './gestures.js'
import {History} from './history.js'
import {paintShapes} from './shapes.js'
import {View} from './view.js'

const MARK_COLOR = '#ff2e88', MARK_OPACITY = 0.55
const PIXELATED_FROM = 3  // CSS pixels of a photo's pixel
const THUMB_PX = 44  // of the divider, as in canvas.css; its middle reaches the photo's edges
export const SIZES = {least: 4, most: 200}  // the brush's diameter in CSS pixels

export class Editor {
  tool = 'brush'  // or 'erase', 'rectangle', 'lasso', 'select'
  size = 36
  history = new History()
  picture = null  // {canvas, width, height}
  view = null
  showBefore = false
  divider = null  // part of the width that shows the photo before, or null
  #drawn = null  // the shape that is being drawn
  #frame = 0

  // `on` has change(), shape(shape) for what is drawn and sizeChange().
  constructor(stage, on) {
    this.stage = stage
    this.canvas = stage.querySelector('canvas')
    this.cursor = stage.querySelector('.cursor')
    this.context = this.canvas.getContext('2d')
    this.marks = document.createElement('canvas').getContext('2d')
    this.on = on
    this.gestures = new Gestures(this.canvas, {
      strokeStart: (x, y) => this.#startShape(this.view.toPhoto(x, y)),
      strokeMove: places => this.#growShape(places.map(([x, y]) => this.view.toPhoto(x, y))),
      strokeEnd: () => this.#endShape(),
      strokeCancel: () => { this.#drawn = null; this.draw() },
      pan: (dx, dy) => this.pan(dx, dy),
      zoom: (x, y, factor) => this.zoom(factor, x, y),
      wheelSize: direction => this.setSize(this.size * (direction > 0 ? 1.15 : 1 / 1.15)),
      hover: (x, y, type) => this.#moveCursor(x, y, type),
    })
  }

  open(picture, strokes) {
    const view = new View(picture.width, picture.height)
    this.state = {picture, view, history: new History(strokes), divider: null}
  }

  // Show the open photo by another picture of its size.
  setPicture(picture) {
    this.picture = picture
    this.on.change()
  }

  // What is open, with all that was done to it: it can be laid aside and taken up again.
  get state() {
    const {picture, view, history, divider} = this
    return {picture, view, history, divider}
  }

  set state(state) {
    this.gestures.cancelStroke()
    Object.assign(this, state)
    this.on.change()
  }

  setDivider(part) {
    this.divider = part
    this.on.change()
  }

  // Give the canvas the photo's proportions within the room (CSS pixels).
  fitInto(width, height) {
    if (!this.view) return
    this.view.fitInto(width, height)
    Object.assign(this.canvas.style, {width: `${this.view.width}px`, height: `${this.view.height}px`})
    this.stage.querySelector('.divider').style.width = `${this.view.width + THUMB_PX}px`
    this.draw()
  }

  setSize(size) {
    this.size = Math.min(SIZES.most, Math.max(SIZES.least, size))
    this.#resizeCursor()
    this.on.sizeChange()
  }

  setTool(tool) {
    this.gestures.cancelStroke()
    this.tool = tool
    this.canvas.dataset.tool = tool
    this.#resizeCursor()
    this.on.change()
  }

  zoom(factor, x = this.view.width / 2, y = this.view.height / 2) {
    this.view.zoomAt(x, y, factor)
    this.#resizeCursor()
    this.draw()
  }

  pan(dx, dy) {
    this.view.panBy(dx, dy)
    this.draw()
  }

  showWhole() {
    this.view.reset()
    this.#resizeCursor()
    this.draw()
  }

  add(shape) {
    this.history.add(shape)
    this.on.change()
  }

  #startShape(point) {
    const radius = this.size / 2 / this.view.scale
    const kind = this.tool === 'select' ? 'lasso' : this.tool
    this.#drawn = {kind, points: kind === 'rectangle' ? [point, point] : [point]}
    if (kind === 'brush' || kind === 'erase') this.#drawn.radius = radius
    this.draw()
  }

  #growShape(points) {
    if (!this.#drawn) return
    if (this.#drawn.kind === 'rectangle') this.#drawn.points[1] = points.at(-1)
    else this.#drawn.points.push(...points)
    this.draw()
  }

  #endShape() {
    const shape = this.#drawn
    this.#drawn = null
    if (!shape) return
    const strokes = this.history.strokes
    const tooSmall = shape.kind === 'lasso' ? shape.points.length < 3 : false
    if (!tooSmall && (shape.kind !== 'erase' || strokes.length)) this.on.shape(shape, this.tool)
    this.draw()
  }

  #moveCursor(x, y, type) {
    this.cursor.hidden = x === null || type === 'touch' || !this.picture || !['brush', 'erase'].includes(this.tool)
    if (!this.cursor.hidden) this.#placeCursor(x, y)
  }

  #placeCursor(x, y) {
    Object.assign(this.cursor.style, {left: `${this.canvas.offsetLeft + x}px`, top: `${this.canvas.offsetTop + y}px`})
    this.#resizeCursor()
  }

  #resizeCursor() {
    this.cursor.style.width = this.cursor.style.height = `${this.size}px`
  }

  // Show in the middle how large the brush is, while the slider moves.
  showSize(shown) {
    if (!this.picture) return
    this.cursor.hidden = !shown
    if (shown) this.#placeCursor(this.view.width / 2, this.view.height / 2)
  }

  draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0
      if (this.picture) this.#drawNow()
    })
  }

  #drawNow() {
    const {canvas, context, view} = this
    const ratio = Math.min(3, window.devicePixelRatio || 1)
    const [width, height] = [Math.round(view.width * ratio), Math.round(view.height * ratio)]
    for (const each of [canvas, this.marks.canvas]) {
      if (each.width !== width || each.height !== height) Object.assign(each, {width, height})
    }
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.clearRect(0, 0, width, height)
    view.applyTo(context, ratio)
    context.imageSmoothingEnabled = view.scale < PIXELATED_FROM
    context.imageSmoothingQuality = 'high'
    this.#drawPhoto(context, this.showBefore ? [] : this.history.fills)
    if (this.showBefore) return
    if (this.divider !== null) this.#drawBeforePart(width, height, ratio)
    this.#drawMarks(width, height, ratio)
  }

  #drawPhoto(context, fills) {
    context.drawImage(this.picture.canvas, 0, 0, this.picture.width, this.picture.height)
    for (const fill of fills) context.drawImage(fill.image, ...fill.box)
  }

  #drawBeforePart(width, height, ratio) {
    const {context} = this
    context.save()
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.beginPath()
    context.rect(0, 0, this.divider * width, height)
    context.clip()
    this.view.applyTo(context, ratio)
    this.#drawPhoto(context, [])
    context.restore()
  }

  #drawMarks(width, height, ratio) {
    const shapes = this.history.strokes.concat(this.#drawn ?? [])
    if (!shapes.length) return
    const {marks} = this
    marks.setTransform(1, 0, 0, 1, 0, 0)
    marks.globalCompositeOperation = 'source-over'
    marks.clearRect(0, 0, width, height)
    this.view.applyTo(marks, ratio)
    paintShapes(marks, shapes)
    marks.setTransform(1, 0, 0, 1, 0, 0)
    marks.globalCompositeOperation = 'source-in'
    marks.fillStyle = MARK_COLOR
    marks.fillRect(0, 0, width, height)
    this.context.setTransform(1, 0, 0, 1, 0, 0)
    this.context.globalAlpha = MARK_OPACITY
    this.context.drawImage(marks.canvas, 0, 0)
    this.context.globalAlpha = 1
  }

  // A magnified crop of the photo as it would be with `fill`, as a canvas; `around` is [left, top, width, height].
  crop(fill, around, longest) {
    const [left, top, width, height] = around
    const factor = longest / Math.max(width, height)
    const canvas = document.createElement('canvas')
    canvas.width = Math.round(width * factor)
    canvas.height = Math.round(height * factor)
    const context = canvas.getContext('2d')
    context.setTransform(factor, 0, 0, factor, -left * factor, -top * factor)
    context.imageSmoothingEnabled = factor < PIXELATED_FROM
    this.#drawPhoto(context, this.history.hole.fills.concat(fill))
    return canvas
  }
}
