# SPDX-License-Identifier: GPL-2.0-or-later
"""What follows from the figures: ratios, memory and time for each object, and whether a target is met."""

NOISE = 0.3  # milliseconds that say nothing
FEW = 4000  # objects; of fewer, memory for each says nothing


def figures(result, command, size="full"):
    """What was measured of a command, or None."""
    found = result["sizes"].get(size, {}).get("commands", {}).get(command)
    return found if found and "error" not in found else None


def time_of(found):
    """Of the floor the reading alone: loading its BPF program is not in it."""
    return found.get("reading_ms", found["wall_ms"])


def ratio(result, command, other):
    ours, theirs = figures(result, command), figures(result, other)
    return time_of(theirs) / time_of(ours) if ours and theirs else None


def memory_each(shape, result, command):
    """Bytes for each listed object beyond what the command needs beside next to nothing, with holders from the same source."""
    full, none = figures(result, command.name), figures(result, command.name, "none")
    if not full or not none:
        return None
    listed = result["sizes"]["full"]["count"] * shape.each * command.listed
    base = none["memory_by_bpf_kib"] if full["holders"] == "bpf" and "memory_by_bpf_kib" in none else none["memory_kib"]
    return max(0, full["memory_kib"] - base) * 1024 / listed if listed >= FEW else None


def printed_each(shape, result, command):
    full = figures(result, command.name)
    return full["output_bytes"] / (result["sizes"]["full"]["count"] * shape.each * command.listed) if full else None


def growth(result, command):
    """How much longer an object takes among many than among few: least CPU time, as few are over soon."""
    times, counts = [], []
    for size in ("none", "small", "full"):
        found = figures(result, command, size)
        if not found:
            return None
        times.append(found["cpu_min_ms"])
        counts.append(result["sizes"][size]["count"])
    few, many = times[1] - times[0], times[2] - times[0]
    if few < NOISE:
        return None
    return (many / (counts[2] - counts[0])) / (few / (counts[1] - counts[0]))


def value_of(target, shape, result):
    """The figure that the target limits; None: not measured."""
    command = next(c for c in shape.commands if c.name == target.command)
    if target.kind == "times":
        return ratio(result, target.command, target.other)
    if target.kind == "within":
        found = ratio(result, target.command, target.other)
        return found and 1 / found
    if target.kind == "bytes":
        found = memory_each(shape, result, command)
        # What cannot be printed before the last object is known has to be kept.
        return found if found is None or command.streams else max(0, found - printed_each(shape, result, command))
    if target.kind == "growth":
        return growth(result, target.command)
    found = figures(result, target.command)
    if target.kind == "ms":
        return found and found["wall_ms"]
    return found["first_byte_ms"] / found["last_byte_ms"] if found and "first_byte_ms" in found else None


def judge(shape, result):
    """Each target of the shape with its value and whether that meets it."""
    judged = []
    for target in shape.targets:
        value = value_of(target, shape, result)
        met = None if value is None else value >= target.limit if target.kind == "times" else value <= target.limit
        judged.append({"shape": shape.name, "command": target.command, "kind": target.kind, "other": target.other,
                       "limit": target.limit, "value": value, "met": met})
    return judged
