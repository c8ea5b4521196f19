# SPDX-License-Identifier: GPL-2.0-or-later
"""Shows what was measured: tables for a terminal, and docs/performance.md."""
import judge

HEADINGS = ("command", "wall ms", "CPU ms", "ratio", "peak MiB", "B/object", "growth", "first byte ms")
KINDS = {
    "times": ("at least {} times faster than `{}`", "{:.1f} times"),
    "within": ("at most {} times the time of `{}`", "{:.2f} times"),
    "ms": ("within {} ms", "{:.1f} ms"),
    "bytes": ("at most {} bytes of memory for each object", "{:.0f} bytes"),
    "first": ("the first byte comes before {} of the time", "{:.2f}"),
    "growth": ("time for each object, many to few: at most {}", "{:.2f}"),
}


def number(value):
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def rows_of(shape, result):
    """Rows of a table; a row of one cell is the heading of a group."""
    first = {}
    grouped = len({command.group for command in shape.commands}) > 1
    for command in shape.commands:
        if command.group not in first:
            first[command.group] = command
            if grouped:
                yield (command.group,)
        found = result["sizes"]["full"]["commands"].get(command.name, {"error": "not run"})
        if "error" in found:
            yield (command.name, found["error"]) + ("",) * (len(HEADINGS) - 2)
            continue
        ours = command.program == "ipctool"
        yield (command.name, number(found["wall_ms"]), number(found["cpu_ms"]),
               number(1 / (judge.ratio(result, command.name, first[command.group].name) or 1)),
               number(found["memory_kib"] / 1024), number(judge.memory_each(shape, result, command)) if ours else "",
               number(judge.growth(result, command.name)) if ours else "", number(found.get("first_byte_ms")))


def size_of(shape, size):
    if "count" not in size:
        return ""
    text = f"{size['count']:,} {shape.unit}"
    return text + (f" in {size['processes']:,} processes" if size["processes"] > 1 else "")


def floors_of(result):
    """What is to be said of the floor: its ratios are those of its reading."""
    for name, found in result["sizes"]["full"]["commands"].items():
        if found.get("loading_ms"):
            yield (f"`{name}`: {number(found['reading_ms'])} ms to read, which is what ratios are to, and "
                   f"{number(found['loading_ms'])} ms to load and unload its BPF program")


def compared(result):
    """What came of the comparison, in a sentence."""
    sizes = [size for size in result["sizes"].values() if size.get("differences") is not None]
    if not sizes:
        return "objects not compared"
    wrong = sum(len(size["differences"]) for size in sizes)
    return "objects compared: " + (f"{wrong} differences" if wrong else "same")


def wish(target):
    text = KINDS[target["kind"]][0]
    return text.format(f"{target['limit']:g}", target["other"]).replace("at least 1 times ", "")


def outcome(target):
    if target["met"] is None:
        return "not measured"
    return f"{'met' if target['met'] else 'missed'}: {KINDS[target['kind']][1].format(target['value'])}"


# ---- for a terminal ----------------------------------------------------------------------------------------------


def table(rows):
    def is_error(row):
        return len(row) > 1 and not any(row[2:])

    rows = [HEADINGS, *rows]
    measured = [row for row in rows if len(row) > 1 and not is_error(row)]
    widths = [max(len(row[at]) for row in measured) for at in range(len(HEADINGS))]
    for row in rows:
        if len(row) == 1:
            yield f"-- {row[0]}"
        elif is_error(row):
            yield f"{row[0]:<{widths[0]}}  {row[1]}"
        else:
            yield "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, "<" + ">" * len(row), widths)).rstrip()


def text(shape, result, targets):
    size = size_of(shape, result["sizes"]["full"])
    yield f"==== {shape.name}: {shape.title}{': ' + size if size else ''}"
    yield from table(list(rows_of(shape, result)))
    for line in floors_of(result):
        yield line.replace("`", "")
    for target in targets:
        yield f"{outcome(target):>20}  {target['command']}: {wish(target).replace('`', '')}"
    yield compared(result)
    for label, found in result["sizes"].items():
        for line in found.get("differences") or ():
            yield f"DIFFERENT ({label}): {line}"
    yield ""


# ---- docs/performance.md -----------------------------------------------------------------------------------------

HEAD = """# Performance

Written by `{command}`; nothing here is by hand. [tests/bench/README.md](../tests/bench/README.md) tells how it measures.

Milliseconds are medians of runs in turns (all commands once, then all again); a command that takes long is run once or
twice. Output goes to a file in memory. A **ratio** is that of the time to the first command of the table or of its group.
**B/object** is peak memory beyond that of the same command beside next to nothing (with BPF loaded there too, if it is
here: about 11 MB, which are free again when objects come), for each listed object. **Growth** is the CPU time for each object at this
size over that at the small size of the shape, after the time beside next to nothing is taken from both (of the least
times); none is given where the small size takes too little time to tell. **First byte** is when it arrives in a pipe.

"""


def cells(row):
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def markdown(document, shapes):
    yield HEAD.format(command=document["command"])
    machine = document["machine"]
    yield f"| | |\n| --- | --- |\n| date | {document['date']} |"
    yield f"| machine | {machine['cpu']}, {machine['cores']} cores, {machine['memory_mib'] / 1024:.0f} GiB |"
    yield f"| kernel | {machine['kernel']} |"
    for name, version in document["versions"].items():
        yield cells((name, version))
    met = [target["met"] for target in document["targets"]]
    if document["quick"]:
        yield "\n**A quick run: sizes are a twentieth of those that the targets are for.**"
    yield f"\n## Targets: {met.count(True)} met, {met.count(False)} missed" + (
        f", {met.count(None)} not measured" if None in met else "") + "\n"
    yield cells(("shape", "command", "target", "measured")) + "\n| --- | --- | --- | --- |"
    for target in document["targets"]:
        said = outcome(target)
        yield cells((target["shape"], f"`{target['command']}`", wish(target), said if target["met"] else f"**{said}**"))
    for shape in shapes:
        result = document["shapes"][shape.name]
        yield f"\n## {shape.name}: {shape.title}\n"
        if shape.full:
            small = size_of(shape, result["sizes"]["small"])
            yield f"{size_of(shape, result['sizes']['full'])}; the small size is {small}.\n"
        yield cells(HEADINGS) + "\n| --- |" + " ---: |" * (len(HEADINGS) - 1)
        for row in rows_of(shape, result):
            if len(row) == 1:
                yield cells((f"**{row[0]}**",) + ("",) * (len(HEADINGS) - 1))
            else:
                yield cells((f"`{row[0]}`",) + row[1:])
        notes = [*floors_of(result), compared(result)]
        if result.get("date", document["date"]) != document["date"]:
            notes.append(f"measured {result['date']}")
        yield "\n" + "; ".join(notes) + "."
