// What the keyboard does on the page.

const TOOLS = {b: 'brush', e: 'erase', r: 'rectangle', l: 'lasso', s: 'select'}
const PAN_PX = 40
const ARROWS = {ArrowLeft: [PAN_PX, 0], ArrowRight: [-PAN_PX, 0], ArrowUp: [0, PAN_PX], ArrowDown: [0, -PAN_PX]}

export function listenForKeys(editor, parts) {
  document.addEventListener('keydown', event => {
    if (!editor.picture || typesIn(event.target)) return
    const act = actionOf(event, editor, parts)
    if (!act) return
    event.preventDefault()
    act()
  })
  document.addEventListener('keyup', event => {
    if (event.key === ' ') editor.gestures.spaceHeld = false
  })
}

function typesIn(target) {
  return target.closest?.('textarea, select, [contenteditable], input:not([type=range], [type=checkbox], [type=file])')
}

function actionOf(event, editor, parts) {
  const {key} = event, onCanvas = event.target === editor.canvas
  if (event.ctrlKey || event.metaKey) {
    if (key.toLowerCase() === 'z') return () => (event.shiftKey ? parts.redo : parts.undo).click()
    if (key.toLowerCase() === 'y') return () => parts.redo.click()
    return null
  }
  if (event.altKey) return null
  if (key in TOOLS) return () => editor.setTool(TOOLS[key])
  if (key in ARROWS && onCanvas) return () => editor.pan(...ARROWS[key])
  switch (key) {
    case '[': return () => editor.setSize(editor.size / 1.15)
    case ']': return () => editor.setSize(editor.size * 1.15)
    case '+': case '=': return () => editor.zoom(1.25)
    case '-': return () => editor.zoom(1 / 1.25)
    case '0': return () => editor.showWhole()
    case 'Escape': return () => editor.gestures.cancelStroke()
    case 'Enter': return onCanvas && !event.repeat ? () => parts.fill.click() : null
    case ' ': return onCanvas || event.target === document.body ? () => { editor.gestures.spaceHeld = true } : null
    default: return null
  }
}
