"""A pickle as data: what it says is put together, and none of the names in it is looked up, imported or called."""

import pickletools
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

from dcac_fastreid.tensor_files.values import FUNCTIONS, Name, Skipped, StorageClaim, as_key, storage_claim

LARGEST = 8 << 20  # bytes of a pickle; that of Stable Diffusion's models together has less than 1 MB
MEMORY = 80 << 20  # bytes that the objects of a pickle may take; some 20,000 tensors need so much
FILLED = 120  # bytes for an entry of a dictionary, at most

# Bytes that an opcode makes the memory grow by, at most; a single byte of a pickle can ask for 250.
COSTS = {
    **dict.fromkeys(("EMPTY_DICT", "EMPTY_SET", "DICT", "FROZENSET"), 260),
    **dict.fromkeys(("EMPTY_LIST", "LIST", "MARK", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"), 100),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), 130),
    **dict.fromkeys(("REDUCE", "NEWOBJ", "NEWOBJ_EX", "OBJ", "INST", "BINPERSID"), 400),
}
OF_ANY_OTHER = 40
MOST_ARGUMENTS = 16
LARGEST_PLACE = 1 << 32  # of the memo; the opcode in bytes has no more
LOOKED_AT = 40  # as many bytes are counted for a value that a call looks at, so that there are no more than two million
LOOKED_THROUGH = (list, tuple, dict, set, frozenset)
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
VALUES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
MAKERS: dict[str, Callable] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple, "EMPTY_SET": set}
# Nothing that a training saves names these: such a file was made to do harm.
HARMFUL = {"os", "posix", "nt", "sys", "subprocess", "runpy", "socket", "shutil"}
HARMFUL |= {
    f"{module}.{name}" for module in ("builtins", "__builtin__") for name in ("eval", "exec", "compile", "__import__")
}


class Unpickler:
    """Reads one pickle after the other from a stream. Raises ValueError where it is damaged, or asks for too much.

    What is made: numbers, strings, lists, tuples, sets, dictionaries, TensorClaim and StorageClaim; a Skipped in the place of
    anything else that the pickle wants to be made.
    """

    def __init__(self, stream: BinaryIO):
        self.skipped: set[str] = set()  # names of what was skipped
        self.storages: dict[str, StorageClaim] = {}  # all that were claimed, by key
        self._stream = stream
        self._left = MEMORY

    def load(self) -> Any:
        self._stack: list = []
        self._marked: list[list] = []
        self._memo: dict[int, Any] = {}
        for opcode, argument, _ in pickletools.genops(self._stream):
            size = len(argument) if isinstance(argument, str | bytes | bytearray) else 0
            self._pay(COSTS.get(opcode.name, OF_ANY_OTHER) + 4 * size)
            if opcode.name in VALUES:
                self._stack.append(argument)
            elif opcode.name in CONSTANTS:
                self._stack.append(CONSTANTS[opcode.name])
            elif opcode.name in MAKERS:
                self._stack.append(MAKERS[opcode.name]())
            elif opcode.name == "STOP":
                return self._stack.pop()
            else:
                step = getattr(self, f"_{opcode.name.lower()}", None)
                if step is None:
                    raise ValueError(f"its pickle uses {opcode.name}, which no file of weights needs")
                step(argument)
        raise ValueError("its pickle has no end")

    def _pay(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ValueError(f"its pickle asks for more than {MEMORY >> 20} MB of memory before any weight is read")

    # -- the stack and the memo --

    def _proto(self, _):
        pass

    _frame = _proto

    def _mark(self, _):
        self._marked.append(self._stack)
        self._stack = []

    def _items(self) -> list:
        items, self._stack = self._stack, self._marked.pop()
        self._left += COSTS["MARK"]
        return items

    def _pop(self, _):
        if self._stack:
            self._stack.pop()
        else:
            self._items()

    def _pop_mark(self, _):
        self._items()

    def _dup(self, _):
        self._stack.append(self._stack[-1])

    def _put(self, number):
        number = int(number)
        if not 0 <= number < LARGEST_PLACE:
            raise ValueError("its pickle numbers its objects as no file of weights does")
        self._memo[number] = self._stack[-1]

    _binput = _long_binput = _put

    def _memoize(self, _):
        self._memo[len(self._memo)] = self._stack[-1]

    def _get(self, number):
        self._stack.append(self._memo[int(number)])

    _binget = _long_binget = _get

    # -- containers --

    def _tuple(self, _):
        items = self._items()
        self._pay(8 * len(items))
        self._stack.append(tuple(items))

    def _last(self, number: int) -> None:
        self._stack[-number:] = [tuple(self._stack[-number:])]

    def _tuple1(self, _):
        self._last(1)

    def _tuple2(self, _):
        self._last(2)

    def _tuple3(self, _):
        self._last(3)

    def _list(self, _):
        self._stack.append(self._items())

    def _dict(self, _):
        items = self._items()
        self._stack.append({})
        self._fill(items)

    def _append(self, _):
        self._extend([self._stack.pop()])

    def _appends(self, _):
        self._extend(self._items())

    def _extend(self, items: list) -> None:
        self._pay(16 * len(items))
        if isinstance(self._stack[-1], list):
            self._stack[-1].extend(items)
        elif not isinstance(self._stack[-1], Skipped):
            raise ValueError(f"its pickle appends to a {type(self._stack[-1]).__name__}")

    def _additems(self, _):
        items = self._items()
        self._pay(FILLED * len(items))
        self._stack[-1].update(map(as_key, items))

    def _frozenset(self, _):
        self._stack.append(frozenset(map(as_key, self._items())))

    def _setitem(self, _):
        value, key = self._stack.pop(), self._stack.pop()
        self._fill([key, value])

    def _setitems(self, _):
        self._fill(self._items())

    def _fill(self, items: list) -> None:
        self._pay(FILLED * len(items) // 2)
        target = self._stack[-1]
        if not isinstance(target, dict):
            raise ValueError(f"its pickle sets an item of a {type(target).__name__}")
        target.update((as_key(key), value) for key, value in zip(items[::2], items[1::2], strict=True))

    # -- what a pickle would have called --

    def _global(self, words):
        self._name(*words.split(" ", 1))

    def _stack_global(self, _):
        name, module = self._stack.pop(), self._stack.pop()
        self._name(module, name)

    def _name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("its pickle names a class by what is no word")
        if module.split(".")[0] in HARMFUL or f"{module}.{name}" in HARMFUL:
            raise ValueError(f"it asks for {module}.{name} to be run, as no file of weights does; nothing was run")
        self._pay(4 * (len(module) + len(name)))
        self._stack.append(Name(f"{module}.{name}"))

    def _binpersid(self, _):
        claim = storage_claim(self._stack.pop())
        self._pay(4 * len(claim.what) if isinstance(claim, Skipped) else 0)
        if isinstance(claim, StorageClaim) and self.storages.setdefault(claim.key, claim) != claim:
            raise ValueError(f"its storage {claim.key} is said to be of two sizes or types")
        self._stack.append(claim)

    def _reduce(self, _):
        arguments, called = self._stack.pop(), self._stack.pop()
        self._stack.append(self._made(called, arguments))

    _newobj = _reduce

    def _newobj_ex(self, _):
        named, arguments, made = (self._stack.pop() for _ in range(3))
        self._stack.append(self._made(made, (*arguments, *named.values())))

    def _obj(self, _):
        made, *arguments = self._items()
        self._stack.append(self._made(made, arguments))

    def _inst(self, words):
        arguments = self._items()
        self._global(words)
        self._stack.append(self._made(self._stack.pop(), arguments))

    def _build(self, _):
        state = self._stack.pop()
        if isinstance(self._stack[-1], Skipped):
            self._stack[-1].state = state

    def _made(self, called: Any, arguments: Sequence) -> Any:
        if not isinstance(called, Name):
            raise ValueError("its pickle calls what is no name")
        if not isinstance(arguments, tuple | list) or len(arguments) > MOST_ARGUMENTS:
            raise ValueError(f"its pickle calls {called:.60} with arguments that are no short list")
        if called not in FUNCTIONS:
            self.skipped.add(called)
            return Skipped(called)
        # For time: what is made of a long argument, a set of equal values say, may be short.
        self._pay(LOOKED_AT * sum(len(argument) for argument in arguments if isinstance(argument, LOOKED_THROUGH)))
        made = FUNCTIONS[called](*arguments)
        if isinstance(made, Skipped):
            self._pay(4 * len(made.what))
        elif hasattr(made, "__len__"):
            self._pay((4 if isinstance(made, str | bytes) else FILLED) * len(made))
        return made
