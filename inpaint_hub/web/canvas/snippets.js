// For those who call the page from their own programs: what answers, and snippets with the page's own address.
import {Texts} from './texts.js'

// `props` has texts, the names of methods, and snippets by language.
export function showSnippets(element, {texts, methods, snippets}) {
  const words = new Texts(texts), introduction = document.createElement('p')
  const said = words.say('api_introduction', {methods: methods.map(name => `\`${name}\``).join(', ')})
  for (const [number, part] of said.split('`').entries()) {  // every other part is code
    const piece = document.createElement(number % 2 ? 'code' : 'span')
    piece.textContent = part
    introduction.append(piece)
  }
  introduction.lang = words.language
  element.append(introduction)
  for (const [language, code] of Object.entries(snippets)) {
    const title = document.createElement('h3'), block = document.createElement('pre')
    title.textContent = language
    block.append(document.createElement('code'))
    block.firstChild.textContent = code.replaceAll('ADDRESS', window.gradio_config.root)
    block.tabIndex = 0  // so that a keyboard can scroll it
    element.append(title, block)
  }
}
