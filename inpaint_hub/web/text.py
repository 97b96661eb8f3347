"""What the page says, in every language that it knows, and what it calls the methods.

A further language is a further column: a code in LANGUAGES, and a text for it in every row.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ..methods.registry import METHODS

LANGUAGES = "en", "de"
OWN = "own"  # how the page's own model is chosen; a folder's path is nobody else's business
TITLE = "Inpaint Hub"

Row = tuple[str, ...]  # a text in each of LANGUAGES

TEXTS: dict[str, Row] = {
    "what_to_do": (
        "Brush over what should go, press Fill.",
        "Übermale, was weg soll, und drücke Füllen.",
    ),
    # Opening a photo
    "open": ("Open a photo", "Foto öffnen"),
    "open_hint": ("or drop it anywhere, or paste it", "oder irgendwohin ziehen oder einfügen"),
    "limits": (
        "Up to {max_upload_mb} MB and {max_megapixels} megapixels",
        "Bis {max_upload_mb} MB und {max_megapixels} Megapixel",
    ),
    "camera": ("Take a photo", "Foto aufnehmen"),
    "examples": ("Or try one of these:", "Oder probiere eines davon:"),
    "drop": ("Drop the photo to open it", "Foto loslassen, um es zu öffnen"),
    "another": ("Open another photo", "Anderes Foto öffnen"),
    "first_of_many": (
        "Several files came; the first picture was opened.",
        "Mehrere Dateien kamen an; das erste Bild wurde geöffnet.",
    ),
    "lose": (
        "Open the other photo? What you did in this one is not downloaded yet.",
        "Das andere Foto öffnen? Deine Arbeit an diesem ist noch nicht heruntergeladen.",
    ),
    "lose_yes": ("Open the other one", "Das andere öffnen"),
    "lose_no": ("Keep this one", "Bei diesem bleiben"),
    # Tools
    "tools": ("Tools", "Werkzeuge"),
    "brush": ("Brush (B)", "Pinsel (B)"),
    "erase": ("Eraser (E)", "Radierer (E)"),
    "rectangle": ("Rectangle (R)", "Rechteck (R)"),
    "lasso": ("Lasso (L)", "Lasso (L)"),
    "select": ("Select an object: draw loosely around it (S)", "Objekt auswählen: grob umkreisen (S)"),
    "undo": ("Undo (Ctrl+Z)", "Rückgängig (Strg+Z)"),
    "redo": ("Redo (Ctrl+Shift+Z)", "Wiederholen (Strg+Umschalt+Z)"),
    "before": ("Hold to see the photo before", "Halten, um das Foto vorher zu sehen"),
    "divide": ("Divide before and after", "Vorher und nachher teilen"),
    "divider": (
        "How much is shown of the photo before, in percent",
        "Wie viel vom Foto vorher gezeigt wird, in Prozent",
    ),
    "size": ("Size", "Größe"),
    "zoom_in": ("Zoom in (+)", "Vergrößern (+)"),
    "zoom_out": ("Zoom out (-)", "Verkleinern (-)"),
    "method": ("How to fill", "Wie gefüllt wird"),
    "fill": ("Fill", "Füllen"),
    "stop": ("Stop", "Anhalten"),
    "download": ("Download", "Herunterladen"),
    # The canvas, for those who hear it
    "canvas": (
        "Photo {name}, {width} by {height} pixels. {marked}",
        "Foto {name}, {width} mal {height} Pixel. {marked}",
    ),
    "marked": ("A part is marked and can be filled.", "Ein Teil ist markiert und kann gefüllt werden."),
    "unmarked": ("Nothing is marked yet.", "Noch ist nichts markiert."),
    "is_filled": ("What was marked is filled.", "Was markiert war, ist gefüllt."),
    # More choices
    "more": ("More choices", "Mehr Möglichkeiten"),
    "auto": ("Fill after each stroke", "Nach jedem Strich füllen"),
    "mask": ("A mask instead of brushing: white is filled", "Eine Maske statt des Pinsels: Weiß wird gefüllt"),
    "grow": ("Grow the marked part by (pixels of the photo)", "Markiertes vergrößern um (Pixel des Fotos)"),
    "hub": ("Fill with a model of the Hugging Face Hub", "Mit einem Modell vom Hugging Face Hub füllen"),
    "format": ("Save as", "Speichern als"),
    "format_photo": ("Like the photo", "Wie das Foto"),
    "format_png": ("PNG: what was not marked stays exact", "PNG: was nicht markiert war, bleibt exakt"),
    "keys": (
        "Keys: [ and ] or the wheel change the size, + and - or Ctrl and the wheel zoom, Space moves the photo.",
        "Tasten: [ und ] oder das Rad ändern die Größe, + und - oder Strg und das Rad zoomen,"
        " die Leertaste verschiebt das Foto.",
    ),
    # Comparing
    "compare": ("Compare", "Vergleichen"),
    "strip": ("The same hole by every method", "Dieselbe Lücke mit jeder Methode"),
    "compare_others": ("Show the methods for smaller photos", "Methoden für kleinere Fotos zeigen"),
    "close": ("Close", "Schließen"),
    "take": ("Take this", "Übernehmen"),
    "take_of": ("Take the fill by: {method}", "Füllung übernehmen: {method}"),
    "crop": ("The filled hole, magnified. {method}", "Die gefüllte Lücke, vergrößert. {method}"),
    "seconds": ("{seconds} s", "{seconds} s"),
    # While it works
    "opening": ("Opening", "Wird geöffnet"),
    "uploading": ("Uploading", "Wird hochgeladen"),
    "filling": ("Filling", "Wird gefüllt"),
    "saving": ("Saving", "Wird gespeichert"),
    "working": ("Working", "In Arbeit"),
    "next": ("Next: {next}", "Danach: {next}"),
    "waiting": ("Waiting, {count} before you", "Warten, {count} vor dir"),
    # What came of it
    "filled": ("{pixels} pixels filled in {seconds} s. {method}.", "{pixels} Pixel in {seconds} s gefüllt. {method}."),
    "made_up": (
        "What is filled is made up. Do not take it for evidence.",
        "Was gefüllt ist, ist erfunden. Es beweist nichts.",
    ),
    "stopped": ("Stopped; nothing was changed.", "Angehalten; nichts wurde geändert."),
    "saved": ("{name} is saved.", "{name} ist gespeichert."),
    "no_photo": ("There is no photo yet. Open one, paste one, or take an example.", "Öffne zuerst ein Foto."),
    "no_hole": (
        "Nothing is marked yet. Brush over what should go.",
        "Noch ist nichts markiert. Übermale, was weg soll.",
    ),
    "connection": (
        "The server does not answer. The next try is in {seconds} s. Nothing of yours is lost.",
        "Der Server antwortet nicht. Nächster Versuch in {seconds} s. Es geht nichts verloren.",
    ),
    "unreachable": (
        "The server cannot be reached. Check your connection, then press again. Nothing of yours is lost.",
        "Der Server ist nicht erreichbar. Prüfe die Verbindung und drücke noch einmal. Es geht nichts verloren.",
    ),
    "too_large": (
        "The file has more than {max_upload_mb} MB. Scale the photo down first.",
        "Die Datei hat mehr als {max_upload_mb} MB. Verkleinere das Foto zuerst.",
    ),
    "full": (
        "The queue is full. Try again in a moment.",
        "Die Warteschlange ist voll. Versuche es gleich noch einmal.",
    ),
    "unreadable": (
        "{name} cannot be read. If it is a folder, open a picture in it; if not, choose the file once more.",
        "{name} lässt sich nicht lesen. Ist es ein Ordner, öffne ein Bild darin; sonst wähle die Datei noch einmal.",
    ),
    "failed": ("That did not work. Try again.", "Das ging schief. Versuche es noch einmal."),
    # Below the photo
    "networks": ("The networks", "Die Netze"),
    "networks_introduction": (
        "What each network was trained on, and its figures.",
        "Woran jedes Netz gelernt hat, und seine Messwerte. Diese Texte sind englisch.",
    ),
    "own_network": ("This page's network", "Das Netz dieser Seite"),
    "no_card": ("This model came without a card.", "Zu diesem Modell gibt es keine Beschreibung."),
    "samples": ("Original, masked, completed", "Original, mit Lücke, gefüllt"),
    "api": ("For programs", "Für Programme"),
    "api_introduction": (
        "Two endpoints answer, `/fill` and `/compare`. White in the mask is filled. The filled file comes in the"
        " photo's format; "
        '`file_format="png"` gives a PNG, `grow_px=4` grows the hole, and `model="owner/model"` takes a model from the'
        " Hugging Face Hub. Methods: {methods}. Errors are sentences.",
        "Zwei Endpunkte antworten, `/fill` und `/compare`. Gefüllt wird, was in der Maske weiß ist. Die gefüllte Datei"
        ' kommt im Format des Fotos; `file_format="png"` gibt ein PNG, `grow_px=4` vergrößert die Lücke, und'
        ' `model="owner/model"` nimmt ein Modell vom Hugging Face Hub. Methoden: {methods}. Fehler sind Sätze, auf'
        " Englisch.",
    ),
}

GERMAN = {  # of sentences that other modules say; a word in braces stands for anything
    "There is no photo yet. Open one, paste one, or take an example.": "Öffne zuerst ein Foto.",
    "Nothing is marked yet. Brush over what should go.": "Noch ist nichts markiert. Übermale, was weg soll.",
    "Everything is marked, so nothing of the photo would be left. Leave some of it unmarked.": (
        "Alles ist markiert, also bliebe nichts vom Foto. Lass etwas frei."
    ),
    "The fills do not fit this photo. Open it again.": "Die Füllungen passen nicht zu diesem Foto. Öffne es neu.",
    "The photo is HEIC. It is saved as JPEG, or as PNG if you choose so.": (
        "Das Foto ist HEIC. Gespeichert wird es als JPEG oder, wenn du es wählst, als PNG."
    ),
    "This photo has {count} fills, and there can be no more. Download it, then open the downloaded file to go on.": (
        "Dieses Foto hat {count} Füllungen, und mehr können es nicht sein. Lade es herunter und öffne dann die"
        " heruntergeladene Datei, um weiterzumachen."
    ),
    "The {name} was here for too long and was deleted. Open it again.": (
        "Die Datei lag zu lange hier und wurde gelöscht. Öffne sie neu."
    ),
    "The mask is {mask} but the photo is {photo}; resize the mask with nearest neighbour.": (
        "Die Maske hat {mask}, das Foto {photo} Pixel. Bringe die Maske auf die Größe des Fotos."
    ),
    "{name} has {megapixels} megapixels, {most} are allowed; scale it down first": (
        "{name} hat {megapixels} Megapixel, erlaubt sind {most}. Verkleinere es zuerst."
    ),
    "{name} is no picture of a format that can be read here": "{name} ist kein Bild, das hier gelesen werden kann.",
    "{name} is broken and cannot be read ({reason})": "{name} ist beschädigt und kann nicht gelesen werden ({reason}).",
    "{name} holds {count} pictures, an animation or pages, and only one can be filled;"
    " save the one that you mean as a file of its own": (
        "{name} enthält {count} Bilder, eine Animation oder Seiten. Speichere das gewünschte als eigene Datei."
    ),
    "the file holds further pictures beside the photo; they were left out": (
        "Die Datei enthält neben dem Foto weitere Bilder; sie fielen weg."
    ),
    "{format} cannot hold all that came with the photo; left out: {names}": (
        "{format} kann nicht alles enthalten, was mit dem Foto kam. Weggelassen: {names}."
    ),
    "this took longer than {limit} s and was stopped; mark less, take a smaller photo, or choose another method": (
        "Das dauerte länger als {limit} s und wurde abgebrochen. Markiere weniger, nimm ein kleineres Foto"
        " oder eine andere Methode."
    ),
    "{format} compresses with loss: known pixels were kept until the file was written, and that changes them slightly;"
    " a PNG keeps them bit for bit": (
        "{format} speichert mit Verlust: Beim Schreiben ändert sich jeder Pixel ein wenig. Ein PNG bleibt exakt."
    ),
    "{format} cannot hold {mode} colours; they were converted to RGB": (
        "{format} kann keine Farben in {mode} enthalten; sie wurden in RGB umgerechnet."
    ),
    "{format} holds 8 bits a channel; the photo's 16 were rounded": (
        "{format} enthält 8 Bit je Kanal; die 16 des Fotos wurden gerundet."
    ),
    "{name} has {bits} bits a channel; it was read, and is written, with 8, all that this program knows of {format}": (
        "{name} hat {bits} Bit je Kanal; von {format} werden hier nur 8 gelesen und geschrieben."
    ),
    "{name} has {bits} bits a channel; they were scaled to 16, and so it is written": (
        "{name} hat {bits} Bit je Kanal; sie wurden auf 16 gestreckt und werden so geschrieben."
    ),
    "{name} has {samples} bands; {read} of them can be kept, and the rest was left out": (
        "{name} hat {samples} Kanäle; {read} davon bleiben erhalten, die übrigen fielen weg."
    ),
    "{name} keeps its channels of 16 bits in separate planes, uncompressed, which cannot be read here; save it with"
    " interleaved channels": (
        "{name} hat unkomprimierte Kanäle von 16 Bit in getrennten Ebenen, die hier nicht gelesen werden können."
        " Speichere es mit verschränkten Kanälen."
    ),
    "{name} is JPEG 2000 with colours of {bits} bits a channel, which cannot be read here; save it as {others}": (
        "{name} ist JPEG 2000 mit {bits} Bit je Farbkanal, das hier nicht gelesen werden kann. Speichere es als PNG"
        " oder TIFF mit 16 Bit."
    ),
    "{name} has signed samples of 8 bits, of which negative ones would be read as the brightest; save it with unsigned"
    " ones": "{name} hat Werte von 8 Bit mit Vorzeichen, die hier nicht gelesen werden. Speichere es ohne Vorzeichen.",
    "{name} has signed samples of 16 bits; they were read as {kind}": (
        "{name} hat Werte von 16 Bit mit Vorzeichen; sie werden anders geschrieben, ohne dass sich ihr Wert ändert."
    ),
    "{name} has colours that are multiplied by its alpha; they were divided by it, and rounded": (
        "{name} hat Farben, die mit der Deckkraft multipliziert sind; sie wurden durch sie geteilt und gerundet."
    ),
    "{name} is empty; give a picture": "{name} ist leer. Öffne ein Bild.",
    "{name} is HEIC, which cannot be read here; convert it to JPEG or PNG first": (
        "{name} ist HEIC, das hier nicht gelesen werden kann. Wandle es zuerst in JPEG oder PNG um."
    ),
    "{name} cannot be written as {format} ({reason}); write it {others}": (
        "{name} kann nicht als {format} gespeichert werden ({reason}). Wähle ein anderes Format."
    ),
    "{name} cannot be written as {format} without changing known pixels; write it as {others}": (
        "{name} kann nicht als {format} gespeichert werden, ohne dass sich andere Pixel ändern. Wähle ein anderes"
        " Format."
    ),
    "whatever is not transparent in the mask was taken as the hole": (
        "Gefüllt wird, was in der Maske nicht durchsichtig ist."
    ),
    "what is coloured in the mask was taken as the hole": "Gefüllt wird, was in der Maske farbig ist.",
    "the mask is neither black nor white; what is brighter than {level} of 255 was taken as the hole": (
        "Die Maske ist weder schwarz noch weiß. Gefüllt wird, was heller als {level} von 255 ist."
    ),
    "the mask is a picture of labels; whatever is not black in it was taken as the hole": (
        "Die Maske ist ein Bild von Klassen. Gefüllt wird, was darin nicht schwarz ist."
    ),
    "the mask is a photo with an erased part; what is transparent in it was taken as the hole": (
        "Die Maske ist ein Foto mit gelöschtem Teil. Gefüllt wird, was darin durchsichtig ist."
    ),
    "the mask looks like a photo, not like a mask; give a picture that is white where it should be filled and black"
    " elsewhere, or the photo with that part erased to transparent": (
        "Die Maske sieht aus wie ein Foto. Nimm ein Bild, das weiß ist, wo gefüllt werden soll, und sonst schwarz, oder"
        " das Foto, in dem dieser Teil durchsichtig ist."
    ),
    "the mask has areas of {count} colours, none of them black, so it is not clear which should go; make those white"
    " and the rest black": (
        "Die Maske hat Flächen in {count} Farben und keine schwarze, also ist unklar, was gefüllt werden soll. Mache"
        " das weiß und den Rest schwarz."
    ),
    "a hole has pixels more than {distance} px from any known one, further than the network sees; they are filled at a"
    " reduced scale, and softly: mask less, or shrink the photo": (
        "Ein Teil der Lücke ist mehr als {distance} Pixel vom Rand entfernt, weiter, als das Netz sieht. Er wird"
        " verkleinert und weich gefüllt. Markiere weniger oder nimm ein kleineres Foto."
    ),
    "grow_px is {value}; give a whole number of pixels from 0 to {most}.": (
        "Das Markierte lässt sich um ganze Pixel von 0 bis {most} vergrößern, nicht um {value}."
    ),
    "{name} is no model's name on the Hub; it is written owner/model": (
        "{name} ist kein Modellname auf dem Hub. Man schreibt ihn Besitzer/Modell."
    ),
    "{model} cannot be had from the Hub: no such public model, or no connection": (
        "{model} ist vom Hub nicht zu bekommen: Es gibt kein solches öffentliches Modell, oder die Verbindung fehlt."
    ),
    "{model} has no {files}, so it is no model of this library": (
        "{model} enthält kein {files}, ist also kein Modell dieser Bibliothek."
    ),
    "{model} has {size} MB, and {most} are the most here": "{model} hat {size} MB; hier sind höchstens {most} erlaubt.",
    "{model} is no model of this library: its weights or its config do not fit": (
        "{model} ist kein Modell dieser Bibliothek: Gewichte oder Einstellungen passen nicht."
    ),
}

METHOD_TITLES: dict[str, Row] = {  # what each is for, in three words; a method that is not here goes by its name
    "guided": ("Best for photos", "Beste für Fotos"),
    "telea": ("Scratches and text", "Kratzer und Schrift"),
    "navier-stokes": ("Scratches across lines", "Kratzer über Linien"),
    "biharmonic": ("Small spots, slow", "Kleine Flecken, langsam"),
    "patchmatch": ("Grass, walls, sky", "Gras, Wände, Himmel"),
    "cifar10": ("Tiny pictures", "Winzige Bilder"),
    "context-encoder": ("An older network", "Ein älteres Netz"),
    "faces": ("Faces", "Gesichter"),
    "flowers": ("Flowers", "Blumen"),
    "photos": ("Small photos", "Kleine Fotos"),
}
EXAMPLE_TITLES: dict[str, Row] = {  # what an example shows, by its file's name
    "astronaut.jpg": ("An astronaut before a flag", "Eine Astronautin vor einer Flagge"),
    "cat.jpg": ("A cat's face", "Das Gesicht einer Katze"),
    "desk-plant.jpg": ("A pot plant on a desk", "Eine Topfpflanze auf einem Tisch"),
    "meadow-tree.jpg": ("A flower meadow with a tree", "Eine Blumenwiese mit einem Baum"),
    "spiral-stairs-person.jpg": ("A person on a spiral staircase", "Ein Mensch auf einer Wendeltreppe"),
}

SNIPPETS = {  # programs, by language; ADDRESS stands for the page's
    "Python": """\
from gradio_client import Client, handle_file  # pip install gradio_client

client = Client("ADDRESS")
shown, filled, message = client.predict(
    photo=handle_file("photo.jpg"), mask=handle_file("mask.png"), method="telea", api_name="/fill"
)
pictures, message = client.predict(photo=handle_file("photo.jpg"), mask=handle_file("mask.png"), api_name="/compare")
print(filled)""",
    "curl": """\
PAGE=ADDRESS
upload() { curl -s -F "files=@$1" "$PAGE/gradio_api/upload" | sed 's/^\\["\\(.*\\)"\\]$/\\1/'; }
file() { printf '{"path": "%s", "meta": {"_type": "gradio.FileData"}}' "$(upload "$1")"; }
EVENT=$(curl -s "$PAGE/gradio_api/call/v2/fill" -H "content-type: application/json" \\
  -d "{\\"photo\\": $(file photo.jpg), \\"mask\\": $(file mask.png), \\"method\\": \\"telea\\"}" | cut -d '"' -f 4)
ANSWER=$(curl -sN "$PAGE/gradio_api/call/fill/$EVENT" | grep '^data: \\[' | tail -1)
curl -s -o filled.jpg "$(printf '%s' "$ANSWER" | grep -o '"url": "[^"]*"' | tail -1 | cut -d '"' -f 4)\"""",
    "JavaScript": """\
const page = "ADDRESS/gradio_api"

async function upload(file) {  // a File, or a Blob
  const form = new FormData()
  form.append("files", file, file.name ?? "picture.png")
  const [path] = await (await fetch(`${page}/upload`, {method: "POST", body: form})).json()
  return {path, meta: {_type: "gradio.FileData"}}
}

async function fill(photo, mask) {  // gives the filled picture as a Blob
  const body = JSON.stringify({photo: await upload(photo), mask: await upload(mask), method: "telea"})
  const headers = {"content-type": "application/json"}
  const {event_id} = await (await fetch(`${page}/call/v2/fill`, {method: "POST", headers, body})).json()
  const [event, data] = (await (await fetch(`${page}/call/fill/${event_id}`)).text()).trim().split("\\n").slice(-2)
  if (event !== "event: complete") throw new Error(data)
  return (await fetch(JSON.parse(data.slice(6))[1].url)).blob()
}""",
}


class Choice(NamedTuple):
    """A method that a visitor may choose."""

    name: str
    title: dict[str, str]  # by language


def column(language: str) -> dict[str, str]:
    """Return every text of the page in one of LANGUAGES."""
    return {key: row[LANGUAGES.index(language)] for key, row in TEXTS.items()}


def by_language(row: Row) -> dict[str, str]:
    """Return a row's texts by language."""
    return dict(zip(LANGUAGES, row, strict=True))


def translate(sentence: str, language: str) -> str:
    """Return a sentence of the server in another language, or as it is where GERMAN does not know it."""
    if language != "de":
        return sentence
    for pattern, german in _german_patterns():
        found = pattern.fullmatch(sentence)
        if found:
            return german.format(**found.groupdict())
    return sentence


@lru_cache(maxsize=1)
def _german_patterns() -> list[tuple[re.Pattern[str], str]]:
    """Each sentence of GERMAN as an expression that finds the words in braces."""
    return [
        (re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(english))), german)
        for english, german in GERMAN.items()
    ]


def choices(model: str) -> list[Choice]:
    """Return the methods that a visitor may choose; the page's own model is first if it is not shipped."""
    name = Path(model).name
    own = [Choice(OWN, by_language(tuple(f"{title} ({name})" for title in TEXTS["own_network"])))]
    return (own if model not in METHODS else []) + [
        Choice(name, by_language(METHOD_TITLES.get(name, (name,) * len(LANGUAGES)))) for name in METHODS
    ]


def default_choice(model: str) -> str:
    """Return the method that is chosen before a visitor chooses."""
    return model if model in METHODS else OWN


def result_message(pixels: int, seconds: float, notes: tuple[str, ...], method: str) -> str:
    """Return what the endpoint says of a result; `method` in a layman's words."""
    words = column("en")
    lines = "".join(f"\n- {note}" for note in notes)
    filled = words["filled"].format(pixels=f"{pixels:,}", seconds=f"{seconds:.1f}", method=f"Method: {method}")
    return f"{filled} {words['made_up']}{lines}"
