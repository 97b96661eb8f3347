// Fingers, mouse, pen and wheel on the canvas, told as strokes, pans and zooms.
// One finger or the left button paints. Two fingers, the middle button, or Space with the mouse move the view.

const PINCH_MS = 250  // a stroke that is younger when the second finger comes was the start of a pinch

export class Gestures {
  #pointers = new Map()  // the fingers or buttons that are down: [x, y] by id
  #mode = null  // 'stroke' | 'pan' | 'pinch' | 'over' (a pinch of which one finger is left)
  #started = 0
  spaceHeld = false

  // `on` has strokeStart(x, y), strokeMove(points), strokeEnd(), strokeCancel(), pan(dx, dy), zoom(x, y, factor),
  // wheelSize(direction) and hover(x, y, type); x and y are CSS pixels from the canvas's corner.
  constructor(canvas, on) {
    this.canvas = canvas
    this.on = on
    for (const [type, act] of [
      ['pointerdown', this.#down],
      ['pointermove', this.#move],
      ['pointerup', this.#up],
      ['pointercancel', this.#up],
      ['lostpointercapture', this.#up],
      ['pointerleave', () => this.on.hover(null)],
    ]) canvas.addEventListener(type, act)
    canvas.addEventListener('wheel', this.#wheel, {passive: false})
    canvas.addEventListener('auxclick', event => event.preventDefault())
    canvas.addEventListener('contextmenu', event => event.preventDefault())
  }

  get painting() {
    return this.#mode === 'stroke'
  }

  // Forget the stroke that is being drawn.
  cancelStroke() {
    if (!this.painting) return
    this.#mode = 'over'
    this.on.strokeCancel()
  }

  #place = event => {
    const {left, top} = this.canvas.getBoundingClientRect()
    return [event.clientX - left, event.clientY - top]
  }

  #down = event => {
    if (event.pointerType === 'mouse' && event.button > 1) return
    event.preventDefault()
    this.canvas.focus({preventScroll: true})
    this.canvas.setPointerCapture(event.pointerId)
    const place = this.#place(event)
    this.#pointers.set(event.pointerId, place)
    if (this.#pointers.size === 1) {
      this.#mode = event.button === 1 || this.spaceHeld ? 'pan' : 'stroke'
      this.#started = event.timeStamp
      if (this.painting) this.on.strokeStart(...place)
    } else if (this.#pointers.size === 2) {
      if (this.painting) event.timeStamp - this.#started < PINCH_MS ? this.on.strokeCancel() : this.on.strokeEnd()
      this.#mode = 'pinch'
    }
  }

  #move = event => {
    const place = this.#place(event)
    this.on.hover(...place, event.pointerType)
    const last = this.#pointers.get(event.pointerId)
    if (!last) return
    if (event.pointerType === 'mouse' && !event.buttons) return this.#up(event)
    if (this.painting) {
      const events = event.getCoalescedEvents?.() ?? []
      this.on.strokeMove((events.length ? events : [event]).map(this.#place))
    } else if (this.#mode === 'pan') {
      this.on.pan(place[0] - last[0], place[1] - last[1])
    } else if (this.#mode === 'pinch') {
      this.#pinch(event.pointerId, last, place)
    }
    this.#pointers.set(event.pointerId, place)
  }

  #pinch(id, last, place) {
    const [, other] = [...this.#pointers].find(([otherId]) => otherId !== id)
    const middle = ([x, y]) => [(x + other[0]) / 2, (y + other[1]) / 2]
    const apart = ([x, y]) => Math.hypot(x - other[0], y - other[1])
    const [before, now] = [middle(last), middle(place)]
    this.on.zoom(...before, apart(place) / Math.max(1, apart(last)))
    this.on.pan(now[0] - before[0], now[1] - before[1])
  }

  #up = event => {
    if (!this.#pointers.delete(event.pointerId)) return
    if (this.painting) event.type === 'pointercancel' ? this.on.strokeCancel() : this.on.strokeEnd()
    this.#mode = this.#pointers.size ? 'over' : null
  }

  #wheel = event => {
    event.preventDefault()
    if (event.ctrlKey || event.metaKey) {  // so do trackpads tell a pinch
      this.on.zoom(...this.#place(event), Math.exp(-event.deltaY / (event.deltaMode ? 10 : 200)))
    } else if (event.shiftKey || event.deltaX) {
      this.on.pan(-event.deltaX, event.shiftKey ? -event.deltaY : 0)
    } else {
      this.on.wheelSize(-Math.sign(event.deltaY))
    }
  }
}
