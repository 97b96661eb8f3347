// What the page says, in the browser's language if the table has it.

export class Texts {
  constructor(table) {
    const wanted = navigator.languages.map(language => language.split('-')[0])
    this.language = wanted.find(language => language in table) ?? 'en'
    this.table = table[this.language]
  }

  say(key, values = {}) {
    return this.table[key].replace(/\{(\w+)\}/g, (_, name) => values[name])
  }

  number(value, digits = 0) {
    const options = {minimumFractionDigits: digits, maximumFractionDigits: digits}
    return value.toLocaleString(this.language, options)
  }

  // Write the texts that elements name: data-text as their content, data-label as their name and tooltip.
  fillIn(root) {
    root.lang = this.language
    for (const element of root.querySelectorAll('[data-text]')) element.textContent = this.say(element.dataset.text)
    for (const element of root.querySelectorAll('[data-label]')) {
      element.ariaLabel = element.title = this.say(element.dataset.label)
    }
  }
}
