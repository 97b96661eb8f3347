"""What the page says in each language."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT
from PIL import Image

from inpaint_hub import METHODS
from inpaint_hub.hub import visitors_model
from inpaint_hub.imaging import encoding, masks, photo
from inpaint_hub.methods.inpainter import TOO_FAR
from inpaint_hub.web import marked_hole, photo_edit, text, validation
from inpaint_hub.worker import TOO_LONG

CANVAS = ROOT / "inpaint_hub/web/canvas"
TABLES = [text.TEXTS, text.METHOD_TITLES, text.EXAMPLE_TITLES]


def words_in_braces(sentence: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", sentence))


@pytest.mark.parametrize("table", TABLES)
def test_every_row_has_a_text_for_every_language_with_the_same_values(table: dict[str, text.Row]) -> None:
    for key, row in table.items():
        assert len(row) == len(text.LANGUAGES), key
        assert all(row), key
        assert all(words_in_braces(each) == words_in_braces(row[0]) for each in row), key


def test_every_text_that_the_browser_names_is_there_and_every_one_is_named() -> None:
    modules = [ROOT / "inpaint_hub/web" / name for name in ("page.py", "endpoints.py")]
    sources = "".join(path.read_text(encoding="utf-8") for path in [*CANVAS.iterdir(), *modules])
    named = set(re.findall(r"data-(?:text|label)=\"(\w+)\"", sources))
    named |= set(re.findall(r"(?:say|#button|run|I18N)\(['\"](\w+)['\"]", sources))
    assert named <= set(text.TEXTS)
    unnamed = {key for key in text.TEXTS if not re.search(rf"['\"]{key}['\"]", sources)}
    assert not unnamed


def test_translate_knows_what_the_pages_modules_say() -> None:
    said = [marked_hole.NO_HOLE, marked_hole.ALL_HOLE, photo_edit.MISFIT, photo_edit.CONVERTED]
    said += [photo.FIRST_OF_SEVERAL]
    said += [
        validation.TOO_OLD.format(name="photo"),
        validation.TOO_MANY_FILLS.format(count=2000),
        TOO_LONG.format(limit_s=120),
        encoding.LOSSY.format(format="JPEG"),
    ]
    said += [text.TEXTS["no_photo"][0], encoding.LEFT_OUT.format(format="JPEG", names="XMP, video")]
    said += [encoding.CONVERTED.format(format="PNG", mode="CMYK"), encoding.TO_EIGHT_BIT.format(format="JPEG")]
    said += [photo.EIGHT_BIT.format(name="a.avif", bits=10, format="AVIF"), TOO_FAR]
    said += [photo.WIDENED.format(name="a.tif", bits=12), photo.MULTIPLIED.format(name="a.tif")]
    said += [photo.SIGNED.format(name="a.tif", kind=photo.UNSIGNED)]
    said += [photo.BANDS.format(name="a.tif", samples=6, read=4)]
    said += [masks.STROKES, masks.COLORED, masks.FAINT.format(level=7), masks.LABELS, masks.ERASED]
    for sentence in said:
        assert text.translate(sentence, "en") == sentence
        assert text.translate(sentence, "de") != sentence
        assert "{" not in text.translate(sentence, "de")


def test_translate_knows_how_photos_are_refused(tmp_path: Path) -> None:
    Image.new("L", (60, 40)).save(tmp_path / "large.png")
    Image.new("L", (60, 40)).save(
        tmp_path / "several.gif", save_all=True, append_images=[Image.new("L", (60, 40), 255)]
    )
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (tmp_path / "text.txt").write_text("no picture")
    (tmp_path / "empty.png").touch()
    for name in ("large.png", "several.gif", "broken.jpg", "text.txt", "empty.png"):
        with pytest.raises(ValueError, match=name) as caught:
            photo.read(tmp_path / name, 1000)
        german = text.translate(str(caught.value), "de")
        assert german != str(caught.value)
        assert german.startswith(name)


def test_translate_knows_how_masks_are_refused() -> None:
    colors = np.zeros((20, 30, 3), dtype=np.uint8)
    colors[:10], colors[10:], colors[5:15, 5:15] = (70, 70, 70), (128, 64, 128), (244, 35, 232)
    said = set()
    for picture in (Image.open(ROOT / "examples/cat.jpg"), Image.fromarray(colors)):
        with pytest.raises(ValueError, match="the mask") as caught:
            masks.parse_mask(picture)
        said.add(text.translate(str(caught.value), "de"))
    assert len(said) == 2
    assert all(german.startswith("Die Maske") for german in said)


def test_translate_knows_how_values_of_the_page_are_refused(tmp_path: Path) -> None:
    for grow_px in (-3, 2.5, 201):
        with pytest.raises(ValueError, match="grow_px") as caught:
            validation.validate({"grow_px": grow_px}, ["telea"], tmp_path)
        assert text.translate(str(caught.value), "de").endswith(f"vergrößern, nicht um {grow_px}.")


@pytest.mark.parametrize("name", ["nonsense", "owner/model"])
def test_translate_knows_how_models_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="Hub") as caught:
        visitors_model(name)
    german = text.translate(str(caught.value), "de")
    assert german != str(caught.value)
    assert name in german


def test_translate_leaves_what_it_does_not_know() -> None:
    assert text.translate("Something new.", "de") == "Something new."


def test_choices_begin_with_the_pages_own_model() -> None:
    assert [choice.name for choice in text.choices("owner/model")] == [text.OWN, *METHODS]
    assert [choice.name for choice in text.choices("faces")] == list(METHODS)
    assert "model" in text.choices("owner/model")[0].title["de"]


def test_choices_call_a_method_without_a_title_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "flowers-of-may", METHODS["telea"])
    assert text.choices("telea")[-1].title == {"en": "flowers-of-may", "de": "flowers-of-may"}


def test_default_choice_is_the_pages_model() -> None:
    assert text.default_choice("faces") == "faces"
    assert text.default_choice("owner/model") == text.OWN


def test_result_message_says_what_was_done_and_every_note() -> None:
    message = text.result_message(1234, 0.56, ("A note.",), "Faces")
    assert message.startswith("1,234 pixels filled in 0.6 s. Method: Faces.")
    assert message.endswith("\n- A note.")
