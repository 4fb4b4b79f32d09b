"""What must follow from each edit of structure.py: the rules of docs/results_format.md and of an input file."""

from mutations import Mutation
from structure import attribute_edits, edits_of, edits_of_group, edits_of_whole_files, is_text
from studies import CHECKSUM_LINE, h5py

# Columns of /cases that a merge makes from the samples and the ranks.
DERIVED = {"time_median", "time_lo", "time_hi", "confidence", "repetitions", "launches", "setup_s"}
NOTHING = frozenset()


def on_object(path, edit, outcome, touches):
    def spoil(spoilt):
        with h5py.File(spoilt, "r+") as file:
            edit.change(file, path)

    return Mutation(f"/{path}: {edit.name}", spoil, outcome, touches)


def on_attribute(path, name, what, change, outcome, touches):
    def spoil(spoilt):
        with h5py.File(spoilt, "r+") as file:
            change(file[path].attrs, name)

    return Mutation(f"attribute {name} of /{path}: {what}", spoil, outcome, touches)


def objects_of(good):
    """Paths of the datasets and of the groups, the root aside, and the names of everything's attributes."""
    with h5py.File(good) as file:
        datasets, groups, attributes = {}, [], {"": list(file.attrs)}

        def take(path, found):
            attributes[path] = list(found.attrs)
            if isinstance(found, h5py.Dataset):
                datasets[path] = list(edits_of(found)), is_text(found)
            else:
                groups.append(path)
        file.visititems(take)
    return datasets, groups, attributes


class Shard:
    """The rules of a results file."""

    SCALES = ("cases/case", "samples/sample", "calibration/ceilings/ceiling")

    def __init__(self, path):
        top, _, self.name = path.rpartition("/")
        self.path, self.top = path, top.partition("/")[0]
        self.is_column = top == "cases" and self.name not in ("case", "hash")
        self.is_value = top in ("environment", "provenance")
        self.is_needed = not (self.is_column or self.is_value or self.name in ("page_faults", "setup_s"))
        self.is_scale = path in self.SCALES or self.top == "ranks" and self.name in ("rank", "repetition")

    @property
    def touches(self):
        if self.is_column:
            return {self.name}
        return {"samples": DERIVED, "ranks": DERIVED, "calibration": None}.get(self.top, NOTHING)

    def outcome(self, effect):
        rules = {"gone": "refused" if self.is_needed else "accepted", "same": "harmless", "shape": "refused",
                 "broken": "either" if self.is_scale else "refused",  # of a scale only the length counts
                 "type": "either" if self.is_scale else "refused",
                 "kind": "accepted" if self.is_column or self.is_value else "either" if self.is_scale else "refused",
                 "values": "either", "undefined": "either"}
        return rules[effect]

    def reads(self, name):
        """Whether it reads that attribute of the dataset."""
        is_case_column = self.top == "cases" and self.name != "case"
        return name in ("units", "long_name") and (is_case_column or self.is_value) or name == "kind" and is_case_column

    def of_attribute(self, name, is_flag_or_text, effect):
        if not self.reads(name) or name == "units" and is_flag_or_text:
            return "harmless"
        return "refused" if effect == "unreadable" else "accepted"

    @staticmethod
    def of_group(path, effect):
        takes_more = path in ("cases", "environment", "provenance")  # what else stands there is a column too
        rules = {"same": "harmless", "gone": "either" if path.count("/") else "refused", "emptied": "either",
                 "more": "accepted" if takes_more else "harmless", "misshapen": "refused" if takes_more else "harmless"}
        return rules[effect]

    @staticmethod
    def of_root(name, effect):
        if name in ("Conventions", "how_to_read"):
            return "harmless"
        if name in ("format", "format_version"):
            return "refused"
        if name == "complete":
            return "either" if effect in ("number", "text") else "refused"
        return "refused" if effect == "unreadable" else "accepted"


def of_shard(good):
    datasets, groups, attributes = objects_of(good)
    seen = set()
    for path, (edits, text) in datasets.items():
        rule = Shard(path)
        with h5py.File(good) as file:
            kind = file[path].dtype.kind
        alike = (rule.top, kind) if rule.is_column or rule.is_value else path
        is_first = alike not in seen  # columns of one type are read alike, whatever is made of their values
        seen.add(alike)
        for edit in edits:
            if is_first or edit.effect in ("gone", "kind", "values"):
                yield on_object(path, edit, rule.outcome(edit.effect), rule.touches)
        for name in attributes[path] if is_first else ():
            if not rule.reads(name) and (rule.top, name) in seen:
                continue  # what nobody reads, once a group
            seen.add((rule.top, name))
            for what, effect, change in attribute_edits():
                outcome = rule.of_attribute(name, text or kind == "u", effect)
                yield on_attribute(path, name, what, change, outcome, NOTHING)
    for path in groups:
        with h5py.File(good) as file:
            columns = [found.shape for found in file[path].values() if isinstance(found, h5py.Dataset)]
        for edit in edits_of_group(columns[0] if columns else ()):
            yield on_object(path, edit, Shard.of_group(path, edit.effect), Shard(path + "/any").touches)
    for name in attributes[""]:
        for what, effect, change in attribute_edits():
            yield on_attribute("/", name, what, change, Shard.of_root(name, effect), NOTHING)
    for name, effect, spoil in edits_of_whole_files():
        yield Mutation(f"the file: {name}", spoil, "refused" if effect == "shifted" else effect, NOTHING)
        if effect == "shifted":  # and where no checksum tells
            def without_checksum(path, spoil=spoil):
                path.write_bytes(path.read_bytes()[:-CHECKSUM_LINE])
                spoil(path)
            yield Mutation(f"the file without its checksum: {name}", without_checksum, "either", NOTHING)


def of_input(good):
    """An input file of which every dataset is needed; its only attribute with a meaning is n_bits."""
    datasets, _, attributes = objects_of(good)
    rules = {"gone": "refused", "broken": "refused", "type": "refused", "kind": "refused", "same": "harmless",
             "shape": "either", "values": "either", "undefined": "either"}
    for path, (edits, _) in datasets.items():
        for edit in edits:
            yield on_object(path, edit, rules[edit.effect], None)
        for name in attributes[path]:
            for what, effect, change in attribute_edits():
                yield on_attribute(path, name, what, change, "refused", None)
        for what, effect, change in attribute_edits():
            if effect != "gone":
                yield on_attribute(path, "note", what, change, "harmless", None)
    for name, effect, spoil in edits_of_whole_files():
        yield Mutation(f"the file: {name}", spoil, "harmless" if effect == "shifted" else effect, None)
