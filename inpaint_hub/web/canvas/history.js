// One history for strokes and fills: what undo takes back and redo brings again.

export class History {
  // `items`: applied ones first, then those that were undone; `length`: how many are applied.
  constructor(items = []) {
    this.items = [...items]
    this.length = items.length
  }

  get applied() {
    return this.items.slice(0, this.length)
  }

  // Of fills of the same hole, one after another, the last one.
  get fills() {
    return this.applied.filter((item, at, all) => item.kind === 'fill' && all[at + 1]?.kind !== 'fill')
  }

  // What is marked and not filled yet.
  get strokes() {
    const applied = this.applied
    return applied.slice(applied.findLastIndex(item => item.kind === 'fill') + 1)
  }

  // What Fill fills: the strokes that are marked, or else those that were filled last; and the fills before them.
  get hole() {
    const {applied} = this
    const before = new History(applied.slice(0, applied.findLastIndex(item => item.kind !== 'fill') + 1))
    return {strokes: before.strokes, fills: before.fills}
  }

  get canUndo() {
    return this.length > 0
  }

  get canRedo() {
    return this.length < this.items.length
  }

  add(item) {
    this.items.splice(this.length, Infinity, item)
    this.length++
  }

  // Put a fill behind the first `count` items, which it filled. Later strokes stay. False if one of them was undone.
  insertFill(fill, count) {
    if (this.length < count) return false
    this.items.splice(count, 0, fill)
    this.length++
    return true
  }

  undo() {
    if (this.canUndo) this.length -= this.#fillsAtOnce(this.length - 1) ? 2 : 1
  }

  redo() {
    if (this.canRedo) this.length += this.#fillsAtOnce(this.length + 1) ? 2 : 1
  }

  // Whether the item at a place is a fill that is one step with the stroke before it: it was made without a press.
  #fillsAtOnce(place) {
    return this.items[place]?.atOnce && this.items[place - 1]?.kind !== 'fill'
  }
}
