"""Which faults are tried at which moments, and which cuts: each time a sample, the same one; all with `make soak`.

What is tried at every moment of one kind is much the same code, so a sample of the product finds what the product does:
every fault at one moment, and every moment with one fault. SEED=n cuts at other bytes.
"""

import os
import random
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

Moment = TypeVar("Moment")
Form = TypeVar("Form")

#: How often `make soak` repeats what is counted.
SOAK = int(os.environ.get("SOAK") or "1")

_FAULTS_OF_A_MOMENT = 1
_CUTS = 1


def sample(product: Mapping[str, Sequence[str]], of_each: int = _FAULTS_OF_A_MOMENT) -> dict[str, list[str]]:
    """Choose faults for each moment.

    Parameters
    ----------
    product
        The names of the faults that a moment can meet, by the moment's name: those that are alike one after the other.
    of_each
        How many a moment meets at least. They come from as many places of its faults, so that they are not alike.
    """
    if SOAK > 1:
        return {moment: list(faults) for moment, faults in product.items()}
    chosen = {
        moment: {faults[(place + part * len(faults) // of_each) % len(faults)] for part in range(of_each)}
        for place, (moment, faults) in enumerate(product.items())
    }
    for number, fault in enumerate(dict.fromkeys(fault for faults in product.values() for fault in faults)):
        if not any(fault in faults for faults in chosen.values()):
            able = [moment for moment, faults in product.items() if fault in faults]
            chosen[able[number % len(able)]].add(fault)
    return {moment: [fault for fault in faults if fault in chosen[moment]] for moment, faults in product.items()}


def some(forms: Sequence[Form], place: int, of_each: int = 1) -> list[Form]:
    """Choose so many forms for the case at a place, so that all are tried with cases that follow each other."""
    if SOAK > 1:
        return list(forms)
    return [forms[(place + part * len(forms) // of_each) % len(forms)] for part in range(of_each)]


def cuts(moment: str, places: Collection[int]) -> list[int]:
    """Choose the bytes after which an answer at a moment ends, of all those that may be."""
    if SOAK > 1:
        return sorted(places)
    return sorted(random.Random(f"{os.environ.get('SEED', '1')} {moment}").sample(sorted(places), _CUTS))
