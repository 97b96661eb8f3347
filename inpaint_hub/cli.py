"""The command line: `inpaint-hub fill IMAGE MASK --output RESULT`. Heavy imports stay inside commands."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import flags
from .extras import import_problem
from .methods import DEFAULT, NAMES, TELEA
from .pretrained import shipped
from .standard_streams import open_closed_streams

FILL = """\
Fill the holes of a photo, or of a folder of photos. The photo goes out as it came in: format, size, EXIF, ICC
profile, dpi, alpha, depth; every pixel outside the hole stays as it is (a JPEG's until it is compressed again).

  inpaint-hub fill photo.jpg mask.png --output filled.png
  inpaint-hub fill photos/ masks/ --output filled/          masks of the same names, with any ending
  inpaint-hub fill photos/ watermark.png --output filled/   one mask for all
  inpaint-hub fill - mask.png --output - < photo.jpg        from a pipe into a pipe

White in the mask is filled. Brush strokes of any colour on transparent are understood too."""
COMPARE = """\
Fill the same holes by several methods and measure: figures with 95 % intervals, by area and by place, times, memory, a
sheet of fills, curves. The images are a data set's held-out ones, which no run with the same seed was trained on; the
same command gives the same figures again, times and memory aside.

  inpaint-hub compare --output compared                                    CIFAR-10, rectangles of 8 to 16 px
  inpaint-hub compare path/to/images --output compared --resolution 128 --sides 40 70 --methods telea photos
  inpaint-hub compare --output compared --holes spread                     of up to 60 % of the image"""
EXPORT = """\
Write a model as one ONNX file of free batch, height and width. Scaling, padding and pasting are inside: give it a photo
and a mask as bytes, and it gives the photo back, filled where the mask is above 127, every other byte as it came.

  inpaint-hub export cifar10 --output cifar10.onnx"""
SPACE = """\
Make a Space on the Hugging Face Hub, or bring one up to date: the page, with a model of the Hub. It gets this very
package, so that what runs there is what runs here, and goes on a free CPU or on ZeroGPU. The same command again sends
only what has changed.

  inpaint-hub space owner/name --model owner/model --dry_run   shows every file, and sends nothing
  inpaint-hub space owner/name --model owner/model             `hf auth login` first"""
EPILOG = "A folder's run that was stopped goes on where it was: the same command skips results that are there."


def main(arguments: list[str] | None = None) -> int:
    """0 where all was done, 1 where something could not be; a wrong command line exits with 2."""
    parser = argparse.ArgumentParser(prog="inpaint-hub", description="Fill holes in images.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_fill(commands.add_parser("fill", help="fill the holes of a photo, or of a folder of photos"))
    _add_compare(commands.add_parser("compare", help="measure several methods on the same holes"))
    _add_export(commands.add_parser("export", help="write a model as ONNX, for programs without Python"))
    _add_space(commands.add_parser("space", help="make a Space of the Hub with the page, or bring it up to date"))
    open_closed_streams()
    args = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):  # a file may have a name that they cannot encode
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    command: Callable[[argparse.Namespace], int] = args.run
    status = 0
    try:
        status = command(args)
        sys.stdout.flush()  # what fails at exit is a traceback
    except OSError as error:  # of printing: the disk is full, or the program that reads has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left at exit
        return status or _failed(f"standard output cannot be written ({error.strerror})")
    except KeyboardInterrupt:
        goes_on = args.run is fill and Path(args.image).is_dir()
        told = ", and the same command goes on from here" * goes_on
        print(f"\nstopped; nothing is half written{told}", file=sys.stderr)
        return 130
    return status


def _add_fill(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=fill)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = FILL, EPILOG
    parser.add_argument(
        "image",
        type=flags.place,
        metavar="IMAGE",
        help="a photo, a folder of photos, or - for a photo on standard input",
    )
    parser.add_argument(
        "mask", type=flags.place, metavar="MASK", help="its mask, a folder of masks, one mask for all, or -"
    )
    parser.add_argument(
        "--output", type=flags.place, required=True,
        help="the file to write, a folder if it ends in /, or - for standard output",
    )  # fmt: skip
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--method",
        type=flags.place,
        default=DEFAULT,
        help=f"{', '.join(NAMES)} (default: {DEFAULT}{', as PyPatchMatch is not installed' * (DEFAULT == TELEA)})",
    )
    which.add_argument(
        "--checkpoint", type=flags.place, metavar="MODEL", help="a model of your own: its folder, or owner/model"
    )
    parser.add_argument("--seed", type=flags.seed, default=0, help="for methods that draw at random (default: 0)")
    parser.add_argument(
        "--dilate", type=flags.px, default=0, metavar="PX", help="grow the hole by this in every direction"
    )
    parser.add_argument(
        "--feather",
        type=flags.px,
        default=0,
        metavar="PX",
        help="soften the seam by this far into the hole, not outside it",
    )
    parser.add_argument(
        "--invert-mask",
        action=argparse.BooleanOptionalAction,
        help="black is filled; with --no- white, even where that looks like a mistake",
    )
    parser.add_argument("--png", action="store_true", help="write PNGs, which keep known pixels bit for bit")
    parser.add_argument("--overwrite", action="store_true", help="write again what is already there")
    parser.add_argument(
        "--recursive", action="store_true", help="in a folder: fill its subfolders and linked ones, too"
    )
    parser.add_argument(
        "--jobs", type=flags.count, metavar="N",
        help="in a folder: fill N photos at once, each in a process of one thread that takes about 0.3 GB, 0.9 GB with"
        " a network, and 0.1 GB a megapixel (default: a process for each core)",
    )  # fmt: skip
    parser.add_argument(
        "--shard", type=flags.shard, default=(1, 1), metavar="I/N",
        help="in a folder: fill every N-th photo, beginning with the I-th; N such commands, anywhere, fill all",
    )  # fmt: skip


def _add_compare(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=compare)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = COMPARE
    parser.add_argument(
        "data", nargs="?", type=flags.place, default="uoft-cs/cifar10", metavar="DATA",
        help="a data set on the Hub, or a folder (default: uoft-cs/cifar10)",
    )  # fmt: skip
    parser.add_argument("--output", type=flags.path, required=True, help="the folder to write, new or empty")
    parser.add_argument(
        "--methods", nargs="+", type=flags.place, metavar="METHOD", help="names, folders, owner/model (default: all)"
    )
    parser.add_argument("--resolution", type=int, default=32, help="images are cut to their centre square of this side")
    parser.add_argument("--holes", default="rectangle", help="kinds by weight, as in training (default: rectangle)")
    parser.add_argument("--sides", type=int, nargs=2, default=(8, 16), metavar=("MIN", "MAX"), help="of rectangles, px")
    parser.add_argument(
        "--mask_dir", type=flags.place, help="folder of masks, where the kind folder is among the holes"
    )
    parser.add_argument(
        "--invert_masks", action=argparse.BooleanOptionalAction, help="take black as the hole in --mask_dir"
    )
    for flag, meaning in (
        ("image_column", "the data set's image column, where it has several"),
        ("dataset_config_name", "the data set's configuration, where it has several"),
        ("dataset_revision", "branch, tag or commit of a data set on the Hub"),
    ):
        parser.add_argument(f"--{flag}", type=flags.given, help=meaning)
    parser.add_argument("--split", default="test", choices=("validation", "test"))
    parser.add_argument("--count", type=flags.count, help="images, the first of the split (default: all)")
    parser.add_argument("--seed", type=flags.seed, default=0, help="of the split and the fills (default: 0)")
    parser.add_argument(
        "--perceptual", action="store_true", help="LPIPS and Inception's FID, too; downloads their weights"
    )
    parser.add_argument("--overwrite", action="store_true", help="write into a folder that has something in it")


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=export)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = EXPORT
    parser.add_argument(
        "model",
        type=flags.place,
        metavar="MODEL",
        help=f"a shipped model ({', '.join(shipped())}), a folder, or owner/model",
    )
    parser.add_argument("--output", type=flags.path, required=True, help="the .onnx or .pt2 file to write")
    parser.add_argument("--overwrite", action="store_true", help="write it again if it is already there")


def _add_space(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=space)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = SPACE
    parser.add_argument("space", metavar="OWNER/NAME", help="the Space's name on the Hub")
    parser.add_argument(
        "--model", required=True, metavar="OWNER/MODEL", help="a public model on the Hub, or a shipped one, by its name"
    )
    parser.add_argument("--dry_run", action="store_true", help="print the files, and send nothing")


def fill(args: argparse.Namespace) -> int:
    """Fill what the arguments name, and say what happened: 1 where something could not be read, filled or written."""
    try:
        if not Path(args.image).is_dir() and Path(args.mask).is_dir():
            raise ValueError(f"{args.mask} is a folder, for a folder of photos; for {args.image} give its mask's file")
        if "-" in (args.image, args.mask, args.output):
            return _fill_stream(args)
        return (_fill_folder if Path(args.image).is_dir() else _fill_one)(args)
    except (ImportError, ValueError, OSError, RuntimeError, MemoryError) as error:
        return _failed(str(error))


def _fill_one(args: argparse.Namespace) -> int:
    from .methods.registry import fill_file, get_method

    output = _output_file(args)
    method = get_method(args.checkpoint or args.method)
    pixels, notes = fill_file(args.image, args.mask, output, method=method, format=_format(args), **_choices(args))
    print(f"{output}: {pixels:,} px filled by {args.checkpoint or args.method}")
    for note in notes:
        print(f"note: {note}")
    return 0


def _output_file(args: argparse.Namespace) -> Path:
    """The file to write: in a folder it has the photo's name. Raises `ValueError` where that cannot be."""
    output = Path(args.output)
    if args.output.endswith(("/", os.sep)) or output.is_dir():
        if args.image == "-":
            raise ValueError(f"standard input has no name to write in {args.output}; give a file's name")
        output /= Path(args.image).with_suffix(".png").name if args.png else Path(args.image).name
    elif args.png and output.suffix.lower() != ".png":
        raise ValueError(f"--png writes PNGs; give a name that ends in .png, not {output.name}")
    if output.exists() and not args.overwrite:
        raise ValueError(f"{output} is already there; --overwrite writes it again")
    return output


def _fill_stream(args: argparse.Namespace) -> int:
    """Fill a photo of standard input, or into standard output; what there is to say goes to standard error then."""
    from .files import write_atomically
    from .imaging import encoding, photo
    from .methods.registry import fill_photo, get_method

    if args.image == args.mask == "-":
        raise ValueError("image and mask are both -, but there is one standard input; give a file for one of them")
    if Path(args.image).is_dir():
        raise ValueError("a folder cannot go through standard input or output; give a mask and a folder to write to")
    if args.output == "-" and sys.__stdout__ is None:
        raise ValueError("standard output is closed, so nothing can be written to -; give the name of a file")
    output = Path("-") if args.output == "-" else _output_file(args)
    source, mask = (
        photo.decode(sys.stdin.buffer.read(), "standard input") if name == "-" else photo.read(name)
        for name in (args.image, args.mask)
    )
    format = _format(args) or encoding.format_for(source, output)
    method = get_method(args.checkpoint or args.method)
    data, pixels, notes = fill_photo(source, mask, format, method=method, **_choices(args))
    if args.output == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_atomically(data, output, like=None if args.image == "-" else args.image)
    told = sys.stderr if args.output == "-" else sys.stdout
    print(f"{output}: {pixels:,} px filled by {args.checkpoint or args.method}", file=told)
    for note in notes:
        print(f"note: {note}", file=told)
    return 0


def _fill_folder(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from . import batch
    from .hardware import available_cores

    folder, output = Path(args.image), Path(args.output)
    if output.is_file():
        raise ValueError(f"{output} is a file; for a folder of photos give a folder to write to")
    if output.resolve() == folder.resolve() and not args.overwrite:
        raise ValueError(f"{output} holds the photos themselves; give another folder, or --overwrite to replace them")
    if os.path.realpath(output) == os.path.realpath(args.mask):
        raise ValueError(f"{output} holds the masks, among which results would be taken for masks; give another folder")
    plan = batch.plan_folder(folder, Path(args.mask), output, recursive=args.recursive, as_png=args.png)
    jobs = batch.shard_of(plan.jobs, *args.shard)
    options = batch.Options(
        args.checkpoint or args.method, format=_format(args), overwrite=args.overwrite, **_choices(args)
    )
    counts, remarks = Counter[str](), Counter[str]()
    outcomes = batch.run(jobs, options, args.jobs or available_cores())
    for outcome in tqdm(outcomes, total=len(jobs), unit="photo", disable=None):  # None: only on a terminal
        counts[outcome.state] += 1
        remarks.update(outcome.notes)
        if outcome.error:
            tqdm.write(f"{outcome.job.photo}: {outcome.error}", file=sys.stderr)
    for sentence in plan.unread:
        print(sentence, file=sys.stderr)
    for remark, times in remarks.items():
        print(f"note: {remark} ({times} of them)")
    if plan.folders:
        print(f"note: subfolders left out: {plan.folders}; --recursive fills them, too")
    told = [f"{counts[state]} {state}" for state in ("filled", "already there", "failed")]
    print(", ".join(told + [f"{plan.skipped} skipped, which are no pictures"] * bool(plan.skipped)))
    return int(counts["failed"] > 0 or bool(plan.unread))


def _format(args: argparse.Namespace) -> str | None:
    """The format to write whatever the names say, None: theirs. A photo named .png may be a JPEG."""
    return "PNG" if args.png else None


def _choices(args: argparse.Namespace) -> dict[str, Any]:
    """What every way to fill takes."""
    return {
        "seed": args.seed, "dilate_px": args.dilate, "feather_px": args.feather, "invert_mask": args.invert_mask,
    }  # fmt: skip


def compare(args: argparse.Namespace) -> int:
    """Measure, write the folder, and say what came out: 1 where there was nothing to measure."""
    if args.output.is_file() or (args.output.is_dir() and any(args.output.iterdir()) and not args.overwrite):
        return _failed(f"{args.output} has something in it already; give another folder, or --overwrite")
    made = not args.output.exists()
    try:
        from .evaluation import comparison, report
        from .methods.registry import METHODS, check_name

        chosen = args.methods or list(METHODS)
        for name in chosen:  # now, and not after the others were measured
            check_name(name)
        args.output.mkdir(parents=True, exist_ok=True)  # now, and not after measuring for hours
        facts, images, holes = comparison.load_inputs(
            args.data,
            split=args.split,
            resolution=args.resolution,
            kinds=args.holes,
            sides=tuple(args.sides),
            mask_dir=args.mask_dir,
            invert_masks=args.invert_masks,
            count=args.count,
            seed=args.seed,
            output=args.output,
            image_column=args.image_column,
            config_name=args.dataset_config_name,
            revision=args.dataset_revision,
        )
        rows, results = comparison.compare(chosen, images, holes, seed=args.seed, perceptual=args.perceptual, log=_log)
        if not rows:
            return _failed("no method is left to compare")
        text = report.write_report(args.output, facts, rows, images, holes, results)
    except ImportError as error:
        return _failed(import_problem("compare", error, "train"))
    except (ValueError, OSError, RuntimeError) as error:
        return _failed(str(error))
    finally:
        if made and args.output.is_dir() and not any(args.output.iterdir()):
            args.output.rmdir()  # nothing came of it
    print("", text.split("\n## ")[0], sep="\n")
    print(f"{args.output}: README.md, figures.json, sheet.png, curves.png")
    return 0


def _log(line: str) -> None:
    """Print a line of progress at once. One that cannot be printed costs nothing: `main` tells of it at the end."""
    with suppress(OSError):
        print(line, flush=True)


def export(args: argparse.Namespace) -> int:
    """Write the model, and say what the file takes and gives; 1 where it could not be."""
    if args.output.exists() and not args.overwrite:
        return _failed(f"{args.output} is already there; --overwrite writes it again")
    from .export import USAGE, export

    try:
        largest_hole = export(args.model, args.output)
    except (ImportError, ValueError, OSError, RuntimeError) as error:
        return _failed(str(error))
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.1f} MB", *USAGE.split("; "), sep="\n  ")
    if largest_hole:
        print(f"holes wider than {largest_hole} px, the widest in training, become soft in their middle")
    return 0


def space(args: argparse.Namespace) -> int:
    """Send the Space's files, or print them, and say what happened; 1 where it could not be done."""
    from .web.space import files

    try:
        from . import hub

        hub.check_space_name(args.space)
        wanted = files(args.model)
        if args.dry_run:
            for name, data in wanted.items():
                print(f"{name}: {(data.stat().st_size if isinstance(data, Path) else len(data)) / 1000:,.1f} kB")
            for name in ("README.md", "requirements.txt", "app.py"):
                print(f"\n=== {name}\n{bytes(wanted[name]).decode()}", end="")
            return 0
        if "/" in args.model:
            hub.visitors_model(args.model)  # as the Space will fetch it
        address, changed = hub.publish_space(args.space, wanted)
    except (ValueError, OSError) as error:
        return _failed(str(error))
    print(f"{address}: {f'{len(wanted)} files are there' if changed else 'nothing to send, all is there'}")
    return 0


def _failed(sentence: str) -> int:
    with suppress(OSError):  # nobody reads it
        print(f"inpaint-hub: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
