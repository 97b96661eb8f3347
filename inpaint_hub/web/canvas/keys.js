// What the keyboard does on the page.

const TOOLS = {b: 'brush', e: 'erase', r: 'rectangle', l: 'lasso', s: 'select'}
const RESIZES = {'[': 1 / 1.15, ']': 1.15}
const PAN_PX = 40
const ARROWS = {ArrowLeft: [PAN_PX, 0], ArrowRight: [-PAN_PX, 0], ArrowUp: [0, PAN_PX], ArrowDown: [0, -PAN_PX]}

export function listenForKeys(editor, parts) {
  let pointing = false  // whether the pointer moved over the photo after the keyboard last moved the focus
  editor.canvas.addEventListener('pointermove', () => { pointing = true })
  document.addEventListener('keydown', event => {
    if (event.key === 'Tab') pointing = false
    if (!editor.picture || typesIn(event.target)) return
    const act = actionOf(event, editor, parts, pointing && editor.canvas.matches(':hover'))
    if (!act) return
    event.preventDefault()
    act()
  })
  document.addEventListener('keyup', event => {
    if (event.key !== ' ' || !editor.gestures.spaceHeld) return
    editor.gestures.spaceHeld = false
    event.preventDefault()  // some browsers press a button with the focus only now
  })
  window.addEventListener('blur', () => { editor.gestures.spaceHeld = false })  // it is let go elsewhere
}

function typesIn(target) {
  return target.closest?.('textarea, select, [contenteditable], input:not([type=range], [type=checkbox], [type=file])')
}

function actionOf(event, editor, parts, pointing) {
  const {key} = event, onCanvas = event.target === editor.canvas
  const letter = key.toLowerCase()  // as with Caps Lock
  // Keyboards that have no key for brackets need Option for them, or AltGr, which Windows tells as Ctrl and Alt.
  if (key in RESIZES && !event.metaKey && (event.altKey || !event.ctrlKey)) {
    return () => editor.setSize(editor.size * RESIZES[key])
  }
  if (event.ctrlKey || event.metaKey) {
    if (letter === 'z') return () => (event.shiftKey ? parts.redo : parts.undo).click()
    if (letter === 'y') return () => parts.redo.click()
    return null
  }
  if (event.altKey) return null
  if (letter in TOOLS) return () => editor.setTool(TOOLS[letter])
  if (key in ARROWS && onCanvas) return () => editor.pan(...ARROWS[key])
  switch (key) {
    case '+': case '=': return () => editor.zoom(1.25)
    case '-': return () => editor.zoom(1 / 1.25)
    case '0': return () => editor.showWhole()
    case 'Escape': return () => editor.gestures.cancelStroke()
    case 'Enter': return onCanvas && !event.repeat ? () => parts.fill.click() : null
    case ' ': return onCanvas || pointing || event.target === document.body ? () => { editor.gestures.spaceHeld = true } : null
    default: return null
  }
}
