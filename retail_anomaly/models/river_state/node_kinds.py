"""The kinds of nodes that stored state is made of.

State is ``[shapes, nodes, root]``. A value is None, a boolean, a number of 64 bits, a text or bytes as it
stands, or ``[n]``, which refers to node n. A node is a list that begins with one of the numbers below.
"""

from typing import Final

OBJECT: Final = 0  # shape, values
LIST: Final = 1  # values
DICT: Final = 2  # key, value, key, value ...
TUPLE: Final = 3  # values
SET: Final = 4  # values
FROZENSET: Final = 5  # values
DEQUE: Final = 6  # longest, values
ORDERED: Final = 7  # as DICT
DEFAULTS: Final = 8  # factory, then as DICT
COUNTER: Final = 9  # as DICT
CLASS: Final = 10  # name
FUNCTION: Final = 11  # name
METHOD: Final = 12  # object, name
PARTIAL: Final = 13  # function, arguments, named arguments
ARRAY: Final = 14  # type, order in memory, shape, bytes
SCALAR: Final = 15  # type, bytes
RANDOM: Final = 16  # words, place, next of a pair
RANDOM_STATE: Final = 17  # words, place, whether there is a next of a pair, that
LONG: Final = 18  # bytes, little end first
RUST: Final = 19  # class, arguments, bytes
VECTOR: Final = 20  # arguments of a VectorDict
NAMED_TUPLE: Final = 21  # class, values
OWN_DEQUE: Final = 22  # shape, number of attributes, their values, longest, values

WORDS: Final = 624
"""The words of a Mersenne twister."""
