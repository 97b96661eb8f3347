// What Gradio's page lacks: names for the examples, keys for the divider, a word where the brush cannot be, pasting.
// app.py puts before it, in `pictured`, what each example shows.
new MutationObserver(() => {  // Gradio's examples have no names
  document.querySelectorAll('#examples .gallery-item').forEach((button, n) => { button.ariaLabel = pictured[n] })
}).observe(document, {childList: true, subtree: true})
document.addEventListener('focusin', ({target}) => {
  if (target.id != 'divider') return
  const [, percent] = document.querySelector('#result .fixed').style.clipPath.match(/([\d.]+)%/)
  target.value = percent
})
document.addEventListener('input', ({target}) => {  // Gradio's own divider hears the mouse and fingers alone
  if (target.id != 'divider') return
  const {left, width} = document.querySelector('#result img').getBoundingClientRect()
  const press = {clientX: left + width * target.value / 100, view: window, bubbles: true}
  const heard = document.querySelector('#result [data-testid=slider]')
  for (const kind of ['mousedown', 'mouseup']) heard.dispatchEvent(new MouseEvent(kind, press))
})
const brushable = document.createElement('canvas').getContext('webgl2')  // app.css cannot know it
const hidden = brushable ? '#no-webgl' : '#editor'
document.head.insertAdjacentHTML('beforeend', `<style>${hidden} { display: none !important }</style>`)
document.addEventListener('paste', event => {
  const picture = [...event.clipboardData.files].find(file => file.type.startsWith('image/'))
  if (!picture) return
  document.querySelector('#photo button[aria-label="Clear"]')?.click()
  setTimeout(() => {  // once the field is empty again
    const input = document.querySelector('#photo input[type=file]'), files = new DataTransfer()
    files.items.add(picture)
    input.files = files.files
    input.dispatchEvent(new Event('change', {bubbles: true}))
  }, 100)
})
