"""Word problems of one to three steps, with their worked solutions.

A problem is either a schema (a whole story with variables, e.g. a price times a number and the change) or a chain: a
source of things (a number, full boxes, "5 fewer than Ben, who has 12"), events that add or take, and an end that asks,
compares or divides. The numbers are drawn step by step so that every equation is exact and small. Which operation is
meant follows from the structure, never from one word: "5 more than Ann" adds, "12, which is 5 more than Ann has" takes
away; "left" may ask for the rest or give it; "each" multiplies or divides. About a third of the texts hold a number
that does not count: an age, another person's things, last year's things, or an event that did not happen.

Notation: "|" ends a sentence, "(has/had)" are the present and the past form; "= lead ~ other lead: p = a * b pens" is a
step of the solution with variants of the words before it.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from random import Random

from tools.pocket.kinds import Family, Item, pick

Forms = tuple[tuple[str, ...], tuple[str, ...]]
"""Templates in the present and in the past."""

PHRASINGS = (
    "Solve the problem.",
    "Work out the answer.",
    "What is the answer?",
    "Find the number that is asked for.",
    "How many are there in the end?",
    "Answer the question with the right number.",
    "Calculate the result.",
    "Can you solve this?",
    "What number do you get?",
    "Do the math.",
    "Read the story and find the number.",
    "Solve this word problem.",
    "Help me with this math problem.",
    "Which number answers the question?",
    "Read carefully and compute the answer.",
    "Find out what the last sentence asks.",
    "Here is a short exercise. Solve it.",
    "Use the numbers that matter and give the result.",
    "What is the result?",
    "Tell me the number that comes out.",
    "I need the answer to this one.",
    "Some numbers may not matter. Find the answer.",
    "Please calculate what is asked.",
    "How would you solve this problem?",
    "Figure out the answer to the question.",
    "Look at the numbers and answer the question at the end.",
    "Give the correct result for this exercise.",
    "What is the right number here?",
    "Compute it.",
    "My homework asks this. What is the solution?",
)
"""Instructions that ask for the answer."""
STEP_WORDS = (
    "Show each step.",
    "Work through it one step at a time.",
    "Explain the calculation.",
    "Show your work.",
    "Write down every calculation.",
    "Explain how you get there.",
    "Go through the steps in order.",
    "Show how you found it.",
    "Write the equations that you use.",
    "Do it slowly, one equation after the other.",
    "Tell me how you calculate it.",
    "Give the steps that lead to it.",
    "Let me see the working.",
    "First calculate, then answer.",
)
"""Requests to show the work."""

GIRLS = ("Ann", "Mia", "Sara", "Lucy", "Emma", "Rosa", "Nina", "Kate", "Julia", "Maria", "Lena", "Alice", "Eva", "Amy")
BOYS = ("Ben", "Tom", "Sam", "Leo", "Max", "Paul", "Adam", "Omar", "David", "Jack", "Peter", "Ali", "Luis", "Mark")
THINGS = (
    *("apple", "pen", "sticker", "card", "marble", "book", "shell", "cookie", "bead", "stamp", "flower", "balloon"),
    *("toy", "button", "orange", "plum", "cup", "candle", "pencil", "ball"),
)
HOLDERS = (("box", "boxes"), ("bag", "bags"), ("basket", "baskets"), ("jar", "jars"), ("pack", "packs"))
GOODS = ("hat", "coat", "bike", "lamp", "chair", "game", "tent", "table", "radio", "clock")
PRONOUNS = (("she", "her", "her"), ("he", "his", "him"))


@dataclass(frozen=True)
class Step:
    """One equation of a solution over named numbers, with the words before it."""

    leads: Forms
    out: str
    left: str
    op: str
    right: str
    unit: str


@dataclass(frozen=True)
class Part:
    """A piece of a problem: its wordings and the steps that it takes."""

    texts: Forms
    steps: tuple[Step, ...]


def _forms(texts: tuple[str, ...]) -> Forms:
    """Templates in the present and in the past."""
    now, then = (tuple(re.sub(r"\(([^/()]+)/([^/()]+)\)", side, text) for text in texts) for side in (r"\1", r"\2"))
    return now, then


def _step(spec: str) -> Step:
    """Read "Lead ~ other lead: out = left op right unit"."""
    leads, equation = spec.split(": ")
    out, _, left, op, right, unit = equation.split(" ")
    return Step(_forms(tuple(leads.split(" ~ "))), out, left, op, right, unit)


def _part(*texts: str, work: tuple[str, ...] = ()) -> Part:
    return Part(_forms(texts), tuple(_step(spec) for spec in work))


def _parts(text: str) -> tuple[Part, ...]:
    """Read parts with an empty line between them: wordings, then "= step" lines; a deeper line goes on with a line."""
    blocks = textwrap.dedent(text.strip("\n")).replace("\n    ", " ").split("\n\n")
    parts = []
    for block in blocks:
        lines = tuple(line.replace(" | ", "|") for line in block.strip().split("\n"))
        work = tuple(line[2:] for line in lines if line.startswith("= "))
        parts.append(_part(*(line for line in lines if not line.startswith("= ")), work=work))
    return tuple(parts)


ONE_STEP = _parts("""
    Each {thing} (costs/cost) {a} dollars. | {N} (buys/bought) {b} such {things}. | How many dollars (does/did) {N} pay?
    {N} (buys/bought) {b} {things} at {a} dollars each. | How many dollars (does/did) {she} pay in all?
    {N} (wants/wanted) {b} {things}. | One {thing} (costs/cost) {a} dollars. | How much money (does/did) {she} need?
    For each {thing} in the shop {N} (pays/paid) {a} dollars. | How many dollars (does/did) {she} need for {b} {things}?
    = All of it (costs/cost) ~ For {b} {things} {N} (pays/paid) ~ The full price (is/was): p = a * b dollars

    {N} (pays/paid) {m} dollars for {b} {things} of the same price. | How many dollars (does/did) each {thing} cost?
    {b} {things} (cost/cost) {m} dollars in all, and {N} (buys/bought) just one. | How many dollars (does/did) {she}
        pay?
    {N} (sells/sold) {b} {things} at the same price and (gets/got) {m} dollars. | How much (is/was) one {thing}?
    = One {thing} (costs/cost) ~ The price of each {thing} (is/was): p = m / b dollars

    The {good} (costs/cost) {c} dollars. | {N} (gives/gave) the seller {m} dollars. | How much money (does/did) {she}
        get back?
    {N} (has/had) {m} dollars and (buys/bought) a {good} for {c} dollars. | How many dollars (are/were) left?
    {N} (goes/went) to the shop with {m} dollars. | {She} (pays/paid) {c} dollars for a {good}. | How much (does/did)
        {she} have then?
    = After that {N} (has/had) ~ That leaves ~ {N} (keeps/kept): z = m - c dollars

    {N} (pays/paid) {c} dollars for a {good} and (has/had) {d} dollars left. | How many dollars did {she} have before
        that?
    After {N} (buys/bought) a {good} for {c} dollars, {she} still (has/had) {d} dollars. | How much did {she} have at
        first?
    A {good} (costs/cost) {c} dollars, and a {good2} (costs/cost) {d} dollars more. | {N} (buys/bought) the {good2}. |
        How much (does/did) {she} pay?
    = The two numbers make ~ Add both numbers to get: s = c + d dollars

    One {thing} (costs/cost) {a} dollars. | {N} (has/had) {m} dollars. | How many {things} (can/could) {she} buy?
    {N} (has/had) {m} dollars for {things}, and each one (costs/cost) {a} dollars. | How many {things} (can/could) {N}
        get?
    With {things} at {a} dollars each, {N} (spends/spent) {m} dollars on them. | How many {things} (does/did) {she} buy?
    = The money is enough for ~ {N} (can/could) buy ~ {N} (gets/got): n = m / a {things}

    {N} (sits/sat) on the bus for {c} minutes and then (walks/walked) for {d} minutes. | How many minutes (is/was) the
        whole way?
    The first part of the way (takes/took) {N} {c} minutes. | The second part of the way (takes/took) {d} minutes. | How
        long (is/was) the way?
    {N} (needs/needed) {c} minutes to school, and {M} (needs/needed) {d} minutes more. | How many minutes (does/did) {M}
        need?
    = The time (is/was) ~ That (takes/took): s = c + d minutes

    The whole way (takes/took) {N} {m} minutes. | For {c} minutes {she} (sits/sat) on the bus, the rest {she}
        (walks/walked). | How long (does/did) {she} walk?
    {N} (needs/needed) {m} minutes for the way, which (is/was) {c} minutes more than {M}. | How many minutes (does/did)
        {M} need?
    {N} (has/had) {m} minutes and (uses/used) {c} of them to wash the cups. | How many minutes (are/were) left?
    = The time (is/was) ~ Take away {c} to get: r = m - c minutes

    {N} (reads/read) {a} pages every day. | How many pages (does/did) {she} read in {b} days?
    In each of {b} days {N} (reads/read) {a} pages of {her} book. | How many pages (is/was) that in all?
    {N} (needs/needed) {b} days for a book and (reads/read) {a} pages a day. | How many pages (does/did) the book have?
    = In {b} days {N} (reads/read) ~ The pages of all days make: p = a * b pages

    {N} (has/had) a book with {m} pages and (reads/read) {a} pages a day. | How many days (does/did) {she} need?
    The {good} (costs/cost) {m} dollars. | {N} (saves/saved) {a} dollars each day. | After how many days (can/could)
        {she} buy it?
    {N} (wants/wanted) to ride {m} miles and (rides/rode) {a} miles each day. | How many days (does/did) it take?
    = {N} (needs/needed) ~ It (takes/took): n = m / a days

    {N} (cuts/cut) a rope of {m} feet into {b} equal pieces. | How many feet (is/was) each piece?
    {b} equal pieces of rope (are/were) {m} feet long in all. | How long (is/was) the one that {N} (takes/took)?
    {M} (has/had) a rope of {m} feet. | That rope (is/was) {b} times as long as the rope of {N}. | How long (is/was) the
        rope of {N}?
    = One part (is/was) ~ The length (is/was): q = m / b feet

    {N} (has/had) a rope of {m} feet and (cuts/cut) off {c} feet. | How many feet of rope (are/were) left?
    A tree (is/was) {m} feet high. | That tree (is/was) {c} feet higher than the house of {N}. | How many feet high
        (is/was) the house?
    The house of {N} (is/was) {c} feet lower than a tree of {m} feet. | How many feet high (is/was) the house?
    = The length (is/was) ~ Take away {c} to get: r = m - c feet

    A tree (is/was) {c} feet high, and the house of {N} (is/was) {d} feet higher. | How many feet high (is/was) the
        house?
    {N} (cuts/cut) {c} feet off a rope, and {d} feet (are/were) left. | How many feet did the rope have before that?
    A tree (is/was) {c} feet high. | That tree (is/was) {d} feet lower than the house of {N}. | How many feet high
        (is/was) the house?
    = The length (is/was) ~ Add {d} to get: s = c + d feet

    The bag of {N} (weighs/weighed) {m} pounds, {c} pounds more than the bag of {M}. | How many pounds (is/was) the bag
        of {M}?
    A full box (weighs/weighed) {m} pounds. | {N} (takes/took) {c} pounds of {things} out of the box. | How many pounds
        (does/did) the box weigh then?
    {N} (has/had) a bag of {m} pounds. | The bag of {M} (is/was) {c} pounds lighter. | How many pounds (is/was) that
        bag?
    = The weight (is/was) ~ That bag or box (weighs/weighed): r = m - c pounds

    The bag of {N} (weighs/weighed) {c} pounds, {d} pounds less than the bag of {M}. | How many pounds (is/was) the bag
        of {M}?
    {N} (carries/carried) a bag of {c} pounds and a box of {d} pounds. | How many pounds (does/did) {she} carry?
    {N} (has/had) a bag of {c} pounds. | The bag of {M} (is/was) {d} pounds heavier. | How many pounds (is/was) that
        bag?
    = The weight (is/was) ~ The pounds make: s = c + d pounds

    {N} is {c} years old. | {M} is {d} years older. | How old is {M}?
    {N} is {c} years old, and that is {d} years younger than {M}. | How old is {M}?
    {N} is {c} years old now. | How old will {she} be in {d} years?
    Today {N} is {c} years old. | What will be {her} age in {d} years?
    = The age is ~ The sum of the years is: s = c + d years

    {N} is {m} years old. | {M} is {c} years younger. | How old is {M}?
    {N} is {m} years old, and that is {c} years more than the age of {M}. | How old is {M}?
    Today {N} is {m} years old. | How old was {she} {c} years ago?
    In {c} years {N} will be {m} years old. | How old is {she} now?
    = The age is ~ Take away {c} years to get: r = m - c years

    There (are/were) {a} rows with {b} seats in each. | How many seats (does/did) {N} count?
    {N} (sees/saw) a room with {a} equal rows of {b} seats. | How many seats (does/did) the room have?
    {N} (puts/put) {b} seats into every row and (makes/made) {a} rows. | How many seats (does/did) {she} need?
    = The rows have ~ {a} rows of {b} seats make: p = a * b seats

    There (are/were) {m} seats in {a} equal rows. | How many seats (does/did) {N} see in one row?
    {N} (puts/put) {m} seats into {a} rows, the same number in each. | How many seats (does/did) each row get?
    = Each row (has/had) ~ One row gets: q = m / a seats

    {N} (needs/needed) {a} eggs for each cake. | How many eggs (does/did) {she} need for {b} cakes?
    {N} (bakes/baked) {b} cakes, and every cake (takes/took) {a} eggs. | How many eggs (is/was) that?
    {N} (has/had) just enough eggs for {b} cakes of {a} eggs each. | How many eggs (does/did) {she} have?
    = The cakes need ~ For {b} cakes {N} (uses/used): p = a * b eggs

    {N} (has/had) {m} eggs. | Each cake (needs/needed) {a} eggs. | How many cakes (can/could) {she} bake?
    {N} (uses/used) {m} eggs, {a} in every cake. | How many cakes (does/did) {she} bake?
    = The eggs are enough for ~ {N} (can/could) bake: n = m / a cakes

    {N} (saves/saved) {a} dollars each week. | How many dollars (does/did) {she} save in {b} weeks?
    {N} (works/worked) {b} hours and (gets/got) {a} dollars an hour. | How much money (does/did) {she} get?
    {M} (saves/saved) {a} dollars, and {N} (saves/saved) {b} times as much. | How many dollars (does/did) {N} save?
    = {N} (gets/got) ~ The money of {N} (is/was): p = a * b dollars

    {N} (gets/got) {m} dollars for {a} hours of work. | How many dollars (is/was) that for each hour?
    {M} (saves/saved) {m} dollars, {a} times as much as {N}. | How many dollars (does/did) {N} save?
    {N} (saves/saved) the same each week and (has/had) {m} dollars after {a} weeks. | How much (does/did) {she} save in
        one week?
    = Split {m} dollars into {a} parts to get ~ One part (is/was): q = m / a dollars

    There (are/were) {m} people on the bus of {N}. | At the park {c} people (get/got) off. | How many people (are/were)
        still on the bus?
    There (are/were) {m} people at the party of {N}, and {c} of them (go/went) home. | How many people (stay/stayed)?
    After {c} more people (come/came), there (are/were) {m} people at the party of {N}. | How many people did {she} see
        before?
    = The number (is/was) ~ Without the {c} people that makes: r = m - c people

    {N} (rides/rode) {a} miles every hour. | How many miles (does/did) {she} ride in {b} hours?
    {N} (walks/walked) {a} miles a day for {b} days. | How many miles (is/was) that?
    {M} (rides/rode) {a} miles, and {N} (rides/rode) {b} times as far. | How many miles (does/did) {N} ride?
    = {N} (makes/made) ~ The way of {N} (is/was): p = a * b miles

    {N} had some {things}. | {She} gave {c} of {her} {things} to {M} and had {d} left. | How many {things} did {N} have
        at first?
    After {N} lost {c} {things}, {she} still had {d}. | How many {things} did {she} have before?
    {M} took {c} {things} from {N}, who then had just {d} left. | How many {things} did {N} have before that?
    = At first {N} had ~ Before that {N} had: s = c + d {things}

    {N} had some {things}. | {M} gave {obj} {c} more {things}, and then {she} had {m}. | How many {things} did {N} have
        at first?
    After {N} got {c} more {things}, {she} had {m}. | How many {things} did {she} have before?
    {N} found {c} {things}, and with them {she} had {m} in all. | How many {things} did {she} have before?
    = At first {N} had ~ Before that {N} had: r = m - c {things}
""")

TWO_STEPS = _parts("""
    {N} (buys/bought) {b} {things} at {a} dollars each and (gives/gave) the seller {m} dollars. | How much money
        (does/did) {she} get back?
    {N} (has/had) {m} dollars. | {She} (buys/bought) {b} {things}, and each {thing} (costs/cost) {a} dollars. | How many
        dollars (are/were) left?
    = The {things} cost: p = a * b dollars
    = That leaves ~ {N} (keeps/kept): z = m - p dollars

    {N} (buys/bought) {b} {things} at {a} dollars each and a {good} for {c} dollars. | How many dollars (does/did) {she}
        pay in all?
    After {N} (pays/paid) for {b} {things} at {a} dollars each, {she} (has/had) {c} dollars left. | How much did {she}
        have at first?
    The {good} (costs/cost) {c} dollars more than {b} {things} at {a} dollars each. | {N} (buys/bought) the {good}. |
        How much (is/was) the {good}?
    = The {things} cost: p = a * b dollars
    = With the {c} dollars that makes: s = p + c dollars

    {N} (saves/saved) {a} dollars a week for {b} weeks. | The {good} (costs/cost) {m} dollars. | How many dollars
        (does/did) {she} still need?
    The {good} that {N} (wants/wanted) (costs/cost) {m} dollars. | {She} (works/worked) {b} hours for {a} dollars an
        hour. | How much more (does/did) {she} need?
    = {N} (gets/got) ~ {N} now (has/had): p = a * b dollars
    = {N} still (needs/needed): r = m - p dollars

    A {good} for {c} dollars and a {good2} for {d} dollars (are/were) paid by {N} and {her} friends. | All {e} people
        (pay/paid) the same. | How much (does/did) {N} pay?
    {N} (has/had) {c} dollars and (gets/got) {d} more. | {She} (gives/gave) all the money to {e} children, the same to
        each. | How many dollars (does/did) each child get?
    = Both numbers make: s = c + d dollars
    = Each one (has/had) a part of: q = s / e dollars

    The {good} (costs/cost) {m} dollars. | {N} (has/had) {c} dollars and (saves/saved) {e} dollars a week. | How many
        weeks (does/did) {she} need?
    {N} (wants/wanted) {m} dollars for a {good}. | {M} (gives/gave) {obj} {c} dollars, and {she} (saves/saved) {e}
        dollars each week. | After how many weeks (does/did) {she} have enough money?
    = {N} still (needs/needed): r = m - c dollars
    = That (takes/took): n = r / e weeks

    {N} (reads/read) {a} pages a day for {b} days. | The book (has/had) {m} pages. | How many pages (are/were) left?
    Of a book with {m} pages, {N} (reads/read) {a} pages in each of {b} days. | How many pages (does/did) {she} still
        need to read?
    = In {b} days {N} (reads/read): p = a * b pages
    = Still to read (are/were): r = m - p pages

    {N} (has/had) a book with {m} pages. | {She} (has/had) read {c} pages, and {she} (reads/read) the rest in {e} equal
        days. | How many pages a day (is/was) that?
    After {c} of {m} pages {N} (wants/wanted) to read the rest in {e} days, the same each day. | How many pages (is/was)
        that each day?
    = Still to read (are/were): r = m - c pages
    = For each day that makes: q = r / e pages

    {N} (has/had) a rope of {m} feet and (cuts/cut) off {c} feet. | The rest of the rope (is/was) cut into {e} equal
        pieces. | How many feet (is/was) each piece?
    {N} (needs/needed) {e} equal pieces of rope. | From a rope of {m} feet {she} (gives/gave) {c} feet to {M} and
        (uses/used) the rest. | How long (is/was) one piece?
    = The rest (is/was): r = m - c feet
    = Each piece (is/was): q = r / e feet

    {N} (cuts/cut) {a} pieces of {b} feet from a rope, and {c} feet (are/were) left. | How many feet (is/was) the whole
        rope before?
    {N} (ties/tied) {a} ropes of {b} feet and one rope of {c} feet together. | How many feet long (is/was) the new rope?
    = The {a} equal parts make: p = a * b feet
    = With {c} feet more that makes: s = p + c feet

    {N} (sees/saw) a room with {a} rows of {b} seats. | People (sit/sat) on {c} of the seats. | How many seats
        (are/were) free?
    In each of {a} rows there (are/were) {b} seats. | {N} (takes/took) {c} seats out. | How many seats (stay/stayed)?
    = The rows have: p = a * b seats
    = Without the {c} seats there (are/were): z = p - c seats

    There (are/were) {m} people on the bus of {N}. | First {c} people (get/got) off, then {d} (get/got) on. | How many
        people (are/were) on the bus (now/then)?
    At the party of {N} there (are/were) {m} people. | {c} guests (go/went) home and {d} new guests (come/came). | How
        many people (are/were) there?
    = Without the {c} people there (are/were): r = m - c people
    = With {d} new ones there (are/were): s = r + d people

    {N} (bakes/baked) {b} cakes with {a} eggs each and (has/had) {c} eggs left. | How many eggs did {she} have at first?
    {N} (needs/needed) {a} eggs for every cake and {c} eggs for the bread. | How many eggs (does/did) {she} need for {b}
        cakes and the bread?
    = The cakes need: p = a * b eggs
    = With the {c} other eggs that makes: s = p + c eggs

    On the farm {N} (takes/took) {a} eggs a day for {b} days and then (sells/sold) {c} eggs. | How many eggs (are/were)
        left?
    {N} (gets/got) {b} boxes of {a} eggs. | {She} (uses/used) {c} of the eggs for cakes. | How many eggs (does/did)
        {she} still have?
    = At first there (are/were): p = a * b eggs
    = After that there (are/were): z = p - c eggs

    {N} (has/had) {m} minutes. | {She} (reads/read) for {c} minutes, (walks/walked) for {d} minutes and then
        (plays/played). | How many minutes (are/were) left for play?
    The way (takes/took) {m} minutes: {c} on the bus, {d} on a train, and the rest {N} (walks/walked). | How many
        minutes (does/did) {N} walk?
    = The two times make: s = c + d minutes
    = The rest (is/was): r = m - s minutes

    {N} (carries/carried) a box of {m} pounds. | {Her} bag (is/was) {c} pounds lighter. | How many pounds (are/were) the
        box and the bag together?
    The bag of {N} (weighs/weighed) {m} pounds, {c} pounds more than the bag of {M}. | How many pounds (are/were) both
        bags together?
    = The lighter one (weighs/weighed): r = m - c pounds
    = Both together (are/were): s = m + r pounds

    {N} is {m} years old. | {M} is {c} years younger. | How old will {M} be in {d} years?
    {N} is {m} years old, and that is {c} years more than the age of {M}. | What will be the age of {M} in {d} years?
    = The age of {M} now is: r = m - c years
    = In {d} years the age will be: s = r + d years

    {N} (counts/counted) {c} girls and {d} boys. | All these children (make/made) teams of {e}. | How many teams
        (are/were) there?
    There (are/were) {c} children, and {d} more (come/came). | {N} (puts/put) all the children into teams with {e}
        children each. | How many teams (does/did) {she} get?
    = Together there (are/were): s = c + d children
    = That makes: n = s / e teams

    {N} had some {things}. | {She} lost {c} of {her} {things} but found {d} others, and then {she} had {m}. | How many
        {things} did {N} have at first?
    {N} gave {c} {things} to {M}, then bought {d}, and now {she} has {m}. | How many {things} did {she} have at first?
    = Before the {d} new ones {N} had: r = m - d {things}
    = At first {N} had: s = r + c {things}

    {N} (rides/rode) {a} miles a day for {b} days and (walks/walked) {c} miles on the last day. | How many miles
        (is/was) that in all?
    After {b} days with {a} miles each, {N} (has/had) {c} miles left to go. | How many miles (is/was) the whole way?
    = In {b} days {N} (makes/made): p = a * b miles
    = The whole way (is/was): s = p + c miles

    {N} (walks/walked) {m} miles in {a} days, the same each day, and {M} (walks/walked) {c} miles more a day. | How many
        miles (does/did) {M} walk each day?
    {M} (walks/walked) {m} miles, {a} times as far as {N}. | Then {N} (walks/walked) {c} miles more. | How many miles
        (does/did) {N} walk in all?
    = The equal part (is/was): q = m / a miles
    = With {c} more that (is/was): s = q + c miles
""")

THREE_STEPS = _parts("""
    {N} (buys/bought) {b} {things} at {a} dollars each and {d} {cups} at {c} dollars each. | How many dollars (does/did)
        {she} pay in all?
    One {thing} (costs/cost) {a} dollars and one {cup} {c} dollars. | {N} (takes/took) {b} {things} and {d} {cups}. |
        How much (does/did) {she} pay?
    = The {things} cost: p = a * b dollars
    = The {cups} cost: q = c * d dollars
    = In all that (is/was): s = p + q dollars

    {N} (has/had) {m} dollars. | {She} (buys/bought) {b} {things} at {a} dollars each and a {good} for {c} dollars. |
        How many dollars (are/were) left?
    {N} (pays/paid) with {m} dollars for a {good} at {c} dollars and {b} {things} at {a} dollars each. | How much money
        (does/did) {she} get back?
    = The {things} cost: p = a * b dollars
    = With the {good} that makes: s = p + c dollars
    = That leaves: z = m - s dollars

    A book (has/had) {m} pages. | {N} (reads/read) {c} pages, then {d} more, and the rest in {e} equal days. | How many
        pages (is/was) that on each of these days?
    After {c} pages on one day and {d} on the next, {N} (reads/read) the rest of {m} pages in {e} equal parts. | How
        many pages (are/were) in each part?
    = At first {N} (reads/read): s = c + d pages
    = The rest (is/was): r = m - s pages
    = Each part (has/had): q = r / e pages

    {N} (saves/saved) {a} dollars a week for {b} weeks and (gets/got) {c} dollars from {M}. | A {good} (costs/cost) {m}
        dollars. | How much more (does/did) {she} need?
    {N} (wants/wanted) a {good} for {m} dollars. | {She} (has/had) {c} dollars and (works/worked) {b} hours for {a}
        dollars an hour. | How much money (does/did) {she} still need?
    = {N} first (gets/got) ~ {N} (makes/made): p = a * b dollars
    = Then {N} (has/had): s = p + c dollars
    = {N} still (needs/needed): r = m - s dollars

    A room (has/had) {a} rows of {b} seats, and {N} (brings/brought) {c} more. | Then people (take/took) {d} of all
        these seats. | How many seats (are/were) free?
    {N} (sets/set) up {a} rows with {b} seats each and {c} seats at the door. | {d} of the seats (are/were) taken. | How
        many seats (are/were) still free?
    = The rows have: p = a * b seats
    = With {c} more there (are/were): s = p + c seats
    = Free (are/were): z = s - d seats

    {N} (wants/wanted) a {good} for {c} dollars and a {good2} for {d} dollars. | {She} (has/had) {f} dollars and
        (saves/saved) {e} a week. | How many weeks (does/did) {she} need?
    = Both cost: s = c + d dollars
    = {N} still (needs/needed): r = s - f dollars
    = That (takes/took): n = r / e weeks

    {N} (puts/put) {c} girls and {d} boys into {e} equal teams. | Then {f} children (join/joined) one of the teams. |
        How many children (are/were) in that team (now/then)?
    {c} children and then {d} more (come/came) to {N} and (make/made) {e} equal teams. | One team (gets/got) {f} more
        children later. | How many children (does/did) that team have?
    = Together there (are/were): s = c + d children
    = Each team (gets/got): q = s / e children
    = That team now (has/had): t = q + f children

    {N} (takes/took) {a} eggs a day for {b} days, (uses/used) {c} of them and (packs/packed) the rest into boxes of {e}.
        | How many boxes (does/did) {she} fill?
    From {b} baskets with {a} eggs each {N} (sells/sold) {c} eggs. | The other eggs (go/went) into boxes of {e}. | How
        many boxes (are/were) there?
    = At first there (are/were): p = a * b eggs
    = After that there (are/were): r = p - c eggs
    = That fills: n = r / e boxes

    There (are/were) {m} people on the bus of {N}. | First {c} people (get/got) off, then {d} (get/got) on, and at the
        park {f} people (get/got) off. | How many people (are/were) on the bus then?
    There (are/were) {m} people at the party of {N}. | First {c} guests (go/went) home, then {d} new guests (come/came),
        and later {f} guests (go/went) too. | How many people (stay/stayed)?
    = Without the {c} people there (are/were): r = m - c people
    = Then there (are/were): s = r + d people
    = In the end there (are/were): z = s - f people

    {N} (rides/rode) {a} miles a day for {b} days, and {M} (rides/rode) {c} miles a day for {d} days. | How many miles
        more (does/did) {N} ride than {M}?
    In {b} days {N} (walks/walked) {a} miles each day. | {M} (walks/walked) {d} days with {c} miles each. | How many
        fewer miles (does/did) {M} walk than {N}?
    = {N} (makes/made): p = a * b miles
    = {M} (makes/made): q = c * d miles
    = The two ways differ by: r = p - q miles

    {N} (has/had) a rope of {c} feet and one of {d} feet. | {She} (gives/gave) {f} feet away and (cuts/cut) all the rest
        into pieces of {e} feet. | How many pieces (are/were) there?
    = Both ropes are: s = c + d feet
    = The rest (is/was): r = s - f feet
    = That makes: n = r / e pieces

    {N} is {m} years old. | {M} is {c} years younger, and {Q} is {d} years older than {M}. | How old will {Q} be in {f}
        years?
    = The age of {M} now is: r = m - c years
    = The age of {Q} now is: s = r + d years
    = In {f} years that will be: t = s + f years
""")

DIRECT = _part(
    "{N} (has/had) {v} {things}.",
    "{N} (owns/owned) {v} {things}.",
    "{N} (keeps/kept) {v} {things} in a drawer.",
    "{N} (starts/started) the day with {v} {things}.",
    "{N} (likes/liked) {things} and (has/had) {v} of them.",
    "In {her} room {N} (has/had) {v} {things}.",
    "At home {N} (has/had) {v} {things}.",
)
SOURCES = _parts("""
    {N} (has/had) {a} {boxes} with {b} {things} in each.
    {N} (has/had) {a} {boxes}, and every {box} (holds/held) {b} {things}.
    {N} (keeps/kept) {b} {things} in each of {her} {a} {boxes}.
    {N} (fills/filled) {a} {boxes} with {b} {things} each.
    {N} (buys/bought) {things} in {boxes} of {b} and (takes/took) {a} such {boxes}.
    = The {boxes} (hold/held) ~ In the {a} {boxes} there (are/were): v = a * b {things}

    {M} (has/had) {c} {things}, and {N} (has/had) {d} more than {he} (does/did).
    {N} (has/had) {d} more {things} than {M}, who (has/had) {c}.
    {M} (has/had) {c} {things}, which (is/was) {d} fewer than {N} (has/had).
    {N} (has/had) {c} small {things} and {d} big ones.
    {N} (has/had) {c} old {things} and {d} new ones.
    = {N} (has/had) ~ The {things} of {N} (are/were): v = c + d {things}

    {M} (has/had) {c} {things}, and {N} (has/had) {d} fewer than {he} (does/did).
    {N} (has/had) {d} fewer {things} than {M}, who (has/had) {c}.
    {M} (has/had) {c} {things}, which (is/was) {d} more than {N} (has/had).
    {N} and {M} together (have/had) {c} {things}, but {d} of them (belong/belonged) to {M}.
    = {N} (has/had) ~ The {things} of {N} (are/were): v = c - d {things}

    {M} (has/had) {a} {things}, and {N} (has/had) {b} times as many.
    {N} (has/had) {b} times as many {things} as {M}, who (has/had) {a}.
    At first {N} (has/had) no {things}, but then {b} friends (give/gave) {obj} {a} {things} each.
    = {N} (has/had) ~ So {N} (has/had): v = a * b {things}

    {M} (has/had) {c} {things}, {d} times as many as {N}.
    {N} (is/was) one of {d} children who (share/shared) {c} {things} equally.
    {M} (puts/put) {c} {things} into {d} equal {boxes} and (gives/gave) one {box} to {N}, who (has/had) no others.
    = {N} (has/had) ~ So {N} (has/had): v = c / d {things}
""")
GAIN = _part(
    "{she} (buys/bought) {x} more {things}",
    "{she} (buys/bought) {x} {things}",
    "{she} (finds/found) {x} {things} in a bag",
    "{she} (gets/got) {x} {things} from {R}",
    "{R} (gives/gave) {obj} {x} {things}",
    "{R} (brings/brought) {obj} {x} {things}",
    "{she} (wins/won) {x} {things} from {R}",
    "{R}, who (wants/wanted) to help, (hands/handed) {obj} {x} {things}",
    "a friend (sends/sent) {obj} {x} {things}",
    "{her} mother (leaves/left) {x} {things} for {obj} to keep",
    "{she} (takes/took) {x} of the {things} that {R} (does/did) not want",
    "{she} (asks/asked) {R} for {x} {things} and (gets/got) all of those",
    work=("Then {N} (has/had) ~ With {x} new ones {N} (has/had) ~ Add {x} to get: v = v + x {things}",),
)
LOSS = _part(
    "{she} (gives/gave) {x} of {her} {things} to {R}",
    "{she} (loses/lost) {x} of {her} {things}",
    "{she} (loses/lost) {x} {things} on the way",
    "{she} (sells/sold) {x} {things}",
    "{R} (takes/took) {x} {things} away from {obj}",
    "{R} (wins/won) {x} {things} from {obj}",
    "{she} (throws/threw) {x} of {her} {things} away",
    "{she} (hands/handed) {x} of {her} {things} to {R}",
    "{she} (sends/sent) {x} {things} to a friend",
    "{she} (brings/brought) {R} {x} of {her} {things} as a gift",
    "{R} (asks/asked) {obj} for {x} {things} and (gets/got) all of those",
    "{R} (buys/bought) {x} {things} from {obj}",
    work=("Then {N} (has/had) ~ Without {x} of them {N} (has/had) ~ Take away {x} to get: z = v - x {things}",),
)
BIG_GAIN = _part(
    "{she} (buys/bought) {g} packs of {h} {things}",
    "{g} friends (give/gave) {obj} {h} {things} each",
    "{she} (finds/found) {g} bags with {h} {things} in each",
    work=("The new ones (are/were) ~ That adds: p = g * h {things}", "Then {N} (has/had): v = v + p {things}"),
)
BIG_LOSS = _part(
    "{she} (gives/gave) {h} {things} to each of {g} friends",
    "{g} children (take/took) {h} {things} each from {obj}",
    "{she} (sells/sold) {g} packs with {h} of {her} {things} in each",
    work=("Those (are/were) ~ That takes away: p = g * h {things}", "Then {N} (has/had): z = v - p {things}"),
)
ASKS = _part(
    "How many {things} (does/did) {N} have (now/then)?",
    "How many {things} (does/did) {N} have in the end?",
    "How many {things} (does/did) {N} have after that?",
    "So how many {things} (does/did) {she} have?",
    "What (is/was) the number of {things} that {N} (has/had) at the end?",
)
PLAIN_ASKS = _part(
    "How many {things} (does/did) {N} have?",
    "So how many {things} (does/did) {she} have?",
    "What (is/was) the number of {things} that {N} (has/had)?",
    "How many {things} (does/did) {N} own?",
)
ENDS = _parts("""
    {She} (shares/shared) all {her} {things} equally among {d2} friends. | How many {things} (does/did) each friend get?
    {She} (puts/put) all {her} {things} into {d2} {bags}, the same number in each. | How many {things} (are/were) in one
        {bag}?
    All the {things} of {N} (go/went) to {d2} children, the same number to each. | How many {things} (does/did) one
        child get?
    = Each one gets ~ In equal parts that (is/was): q2 = v / d2 {things}

    {She} (puts/put) all {her} {things} into {bags} of {d2}. | How many {bags} (does/did) {she} need?
    With {d2} in each {bag}, {she} (puts/put) all {her} {things} away. | How many {bags} (does/did) {she} fill?
    = {N} (needs/needed) ~ {N} (fills/filled): q2 = v / d2 {bags}

    {Q} (has/had) {w} {things}. | How many more {things} (does/did) {N} have than {Q}?
    {Q} (has/had) only {w} {things}. | How many fewer {things} (does/did) {Q} have than {N}?
    = {N} (is/was) ahead by ~ The two numbers differ by: r2 = v - w {things}

    {Q} (has/had) {w} {things}. | How many more {things} (does/did) {Q} have than {N}?
    {She} (wants/wanted) to have {w} {things}. | How many more {things} (does/did) {she} need?
    {Q} (has/had) {w} {things}. | How many fewer {things} (does/did) {N} have than {Q}?
    = {N} (is/was) behind by ~ The two numbers differ by: r2 = w - v {things}

    {Q} (has/had) {w} {things}. | How many {things} (do/did) {N} and {Q} have together?
    {Q} (has/had) {w} {things} more than {N} (has now/had then). | How many {things} (does/did) {Q} have?
    = Add {w} to get ~ The sum (is/was): s2 = v + w {things}

    {She} (sells/sold) all {her} {things} for {d2} dollars each. | How many dollars (does/did) {she} get?
    Each of {her} {things} (is/was) worth {d2} dollars. | How many dollars (are/were) all the {things} of {N} worth?
    = The money (is/was) ~ All of them make: p2 = v * d2 dollars
""")

ABOUT_PERSON = (
    "is {k} years old",
    "has {k} cousins",
    "lives {k} miles from the park",
    "moved here {k} years ago",
    "lives in house number {k}",
    "has a dog that is {k} years old",
    "got up {k} minutes late today",
    "has {k} {tins} at home",
    "wears a shirt with the number {k}",
)
ABOUT_PLACE = (
    "The shop opened {k} years ago.",
    "It is day {k} of the month.",
    "There are {k} birds on the roof.",
    "The next train comes in {k} minutes.",
    "The house across the street is number {k}.",
    "It rained on {k} days last month.",
)
ABOUT_THINGS = _part(
    "{P} (has/had) {k} {things}.",
    "{P} (owns/owned) {k} {things}.",
    "A friend of {P} (has/had) {k} {things}.",
    "(Last year {N}/Once {P}) had {k} {things}.",
)
NOT_DONE = _part(
    "{R} (asks/asked) for {k} {things}, but {she} (says/said) no",
    "{she} almost (buys/bought) {k} {things}, but the shop (is/was) closed",
    "{she} (wants/wanted) to sell {k} of {her} {things}, but nobody (buys/bought) any",
    "{she} (looks/looked) at {k} {things} in a shop but (does/did) not buy them",
    "{R} (wants/wanted) to give {obj} {k} {things}, but {she} (does/did) not take them",
    "{she} (thinks/thought) about giving {k} {things} to {R} but (does/did) not do it",
)
LINKS = ("Then ", "Later ", "After that ", "Next ", "Then ", "")
OLDEST = 99
LONGEST = 40
"""Words of a text."""
MEASURES = ("year", "mile", "minute", "day")


def _range(rng: Random, low: int, high: int) -> int:
    return low + int(rng.random() * (high - low + 1))


def _free(rng: Random, high: int = 99) -> int:
    """A number of a sum: small ones more often than large ones."""
    return _range(rng, 2, min(high, pick(rng, (12, 30, 60, 99, 99))))


def _solve(rng: Random, step: Step, values: dict[str, int], last: bool) -> tuple[int, int, int] | None:
    """Draw the numbers that the step still lacks: left, right and result; None where the known ones do not allow it."""
    left, right = values.get(step.left), values.get(step.right)
    draw = {"*": _product, "/": _quotient, "+": _sum, "-": _difference}[step.op]
    pair = draw(rng, left, right)
    if pair is None:
        return None
    left, right = pair
    if step.op == "-" and step.out == "z" and last and step.right not in values and rng.random() < 0.03:
        right = left
    result = {"*": left * right, "/": left // right, "+": left + right, "-": left - right}[step.op]
    values[step.left], values[step.right] = left, right
    values[step.out] = result
    return left, right, result


def _product(rng: Random, left: int | None, right: int | None) -> tuple[int, int] | None:
    if left is None and right is None:
        pair = _range(rng, 2, 9), _range(rng, 2, 12)
        return pair if rng.random() < 0.5 else (pair[1], pair[0])
    known = left or right or 0
    other = _range(rng, 2, 12 if known <= 9 else 9)
    left, right = left or other, right or other
    return (left, right) if max(left, right) <= 12 and min(left, right) <= 9 else None


def _quotient(rng: Random, left: int | None, right: int | None) -> tuple[int, int] | None:
    if left is None:
        right = right or _range(rng, 2, 9)
        return (right * _range(rng, 2, 12), right) if right <= 9 else None
    fits = tuple(d for d in range(2, 10) if left % d == 0 and 2 <= left // d <= 12 and right in (None, d))
    return (left, pick(rng, fits)) if fits else None


def _sum(rng: Random, left: int | None, right: int | None) -> tuple[int, int] | None:
    left, right = left or _free(rng), right or _free(rng)
    return (left, right) if max(left, right) <= 99 else None


def _difference(rng: Random, left: int | None, right: int | None) -> tuple[int, int] | None:
    if left is None:
        right = right or _free(rng, 95)
        return (_range(rng, right + 2, 99), right) if right <= 95 else None
    if right is None and left >= 4:
        right = _range(rng, 2, left - 2)
    return (left, right) if right is not None and left <= 99 and left - right >= 2 else None


def _words(rng: Random) -> dict[str, str | int]:
    """Names, pronouns and things: {N} is the main person, {M}, {R}, {P} are of the other sex, {Q} of the same."""
    side = int(rng.random() * 2)
    mine, theirs = (GIRLS, BOYS) if side == 0 else (BOYS, GIRLS)
    she, her, obj = PRONOUNS[side]
    n, q = rng.sample(mine, 2)
    m, r, p = rng.sample(theirs, 3)
    thing, cup, tin = rng.sample(THINGS, 3)
    (box, boxes), (bag, bags) = rng.sample(HOLDERS, 2)
    good, good2 = rng.sample(GOODS, 2)
    words: dict[str, str | int] = {"N": n, "M": m, "Q": q, "P": p, "R": r, "good": good, "good2": good2}
    words |= {"she": she, "She": she.capitalize(), "her": her, "Her": her.capitalize(), "obj": obj}
    words |= {"he": PRONOUNS[1 - side][0], "box": box, "boxes": boxes, "bag": bag, "bags": bags}
    return words | {"thing": thing, "things": thing + "s", "cup": cup, "cups": cup + "s", "tins": tin + "s"}


class _Draft:
    """A problem in the making: the tense, the words and numbers, the sentences and the solution so far."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.tense = int(rng.random() * 2)
        self.words = _words(rng)
        self.values: dict[str, int] = {}
        self.seen: list[int] = []
        self.sentences: list[str] = []
        self.solution: list[str] = []
        self.equations: list[str] = []
        self.unit = ""
        self.answer = 0

    def pick(self, forms: Forms) -> str:
        return pick(self.rng, forms[self.tense])

    def fill(self, template: str) -> str:
        return template.format_map(self.words | self.values)

    def work(self, steps: tuple[Step, ...], last: bool) -> bool:
        """Draw the numbers of the steps and write the steps down; False where the numbers do not fit."""
        for step in steps:
            numbers = _solve(self.rng, step, self.values, last and step is steps[-1])
            if numbers is None:
                return False
            left, right, self.answer = numbers
            self.seen += numbers
            self.unit = self.fill(step.unit)
            if self.unit == "years" and self.answer > OLDEST:
                return False
            equation = f"{left} {step.op} {right} = {self.answer}"
            self.solution.append(f"{self.fill(self.pick(step.leads))} {equation} {self.unit}.")
            self.equations.append(equation)
        return True

    def tell(self, part: Part, last: bool = True) -> bool:
        """Work the part's steps and write its sentences."""
        if not self.work(part.steps, last):
            return False
        self.sentences += self.fill(self.pick(part.texts)).split("|")
        return True

    def other(self, low: int, high: int) -> None:
        """Set {k} to a number that the solution does not use."""
        k = _range(self.rng, low, high)
        while k in self.seen:
            k = _range(self.rng, low, high + 9)
        self.values["k"] = k


def _event(draft: _Draft, part: Part, first: bool, last: bool) -> bool:
    """Add something that happens, or does not, to the things {v}."""
    draft.values.pop("x", None)
    if not draft.work(part.steps, last):
        return False
    clause = ("" if first else pick(draft.rng, LINKS)) + draft.fill(draft.pick(part.texts))
    draft.sentences.append(clause[0].upper() + clause[1:] + ".")
    if "z" in draft.values:
        draft.values["v"] = draft.values.pop("z")
    return True


def _insert(draft: _Draft, chain: bool) -> None:
    """Put in a sentence whose number does not count."""
    rng, lines, name = draft.rng, draft.sentences, str(draft.words["N"])
    if chain and rng.random() < 0.45:
        draft.other(2, 60)
        at = len(lines) - 1 if name in lines[-1] and rng.random() < 0.4 else 0
        lines.insert(at, draft.fill(draft.pick(ABOUT_THINGS.texts)))
        return
    story = " ".join(lines)
    while True:
        personal = rng.random() < 0.65
        aside = pick(rng, ABOUT_PERSON) if personal else pick(rng, ABOUT_PLACE)
        if not any(word in story and word in aside for word in MEASURES):
            break
    draft.other(5, 19)
    aside = draft.fill(aside)
    at = _range(rng, 0, len(lines) - 1)
    if not personal:
        lines.insert(at, aside)
    elif rng.random() < 0.4 and lines[0].startswith(name + " ") and not lines[0].startswith(name + " and "):
        lines[0] = f"{name}, who {aside},{lines[0][len(name) :]}"
    else:
        pronoun = at > 0 and name in lines[at - 1] and rng.random() < 0.6
        lines.insert(at, f"{draft.words['She'] if pronoun else name} {aside}.")


def _chain(rng: Random, steps: int, distract: bool) -> _Draft | None:
    """A source of things, events, and an end, that take so many steps together."""
    draft = _Draft(rng)
    ends = rng.random() < 0.4
    begins = steps > ends and rng.random() < (0.6 if steps == 1 else 0.5)
    left = steps - ends - begins
    refuse = distract and rng.random() < 0.4
    refuse_at = _range(rng, 0, left) if refuse else -1
    if not begins:
        draft.values["v"] = _free(rng)
    if not draft.tell(pick(rng, SOURCES) if begins else DIRECT, last=False):
        return None
    first = True
    while left > 0 or refuse:
        if refuse and left <= refuse_at:
            draft.other(2, max(3, draft.values["v"]))
            done, refuse = _event(draft, NOT_DONE, first, False), False
        elif left >= 2 and rng.random() < 0.5 and "p" not in draft.values:
            left -= 2
            done = _event(draft, BIG_GAIN if rng.random() < 0.5 else BIG_LOSS, first, left == 0 and not ends)
        else:
            left -= 1
            done = _event(draft, GAIN if rng.random() < 0.5 else LOSS, first, left == 0 and not ends)
        if not done:
            return None
        first = False
    if ends:
        if not draft.tell(pick(rng, ENDS)):
            return None
    else:
        draft.sentences.append(draft.fill(draft.pick((PLAIN_ASKS if first else ASKS).texts)))
    if distract and refuse_at < 0:
        _insert(draft, True)
    return draft


def _story(rng: Random, schema: Part, distract: bool) -> _Draft | None:
    """A problem of a schema."""
    draft = _Draft(rng)
    if not draft.tell(schema):
        return None
    if distract:
        _insert(draft, False)
    return draft


def draw(rng: Random) -> Item:
    """A word problem: its answer, the unit, the number of steps, the worked solution and its equations."""
    chance = rng.random()
    steps, schemas = (1, ONE_STEP) if chance < 0.3 else (2, TWO_STEPS) if chance < 0.8 else (3, THREE_STEPS)
    schema = pick(rng, schemas) if rng.random() < 0.6 else None
    distract = rng.random() < 0.36
    draft, text = None, ""
    while draft is None or text.count(" ") >= LONGEST:
        draft = _story(rng, schema, distract) if schema else _chain(rng, steps, distract)
        text = " ".join(draft.sentences) if draft else ""
    facts = {"answer": str(draft.answer), "unit": draft.unit, "steps": str(steps)}
    facts |= {"solution": " ".join(draft.solution), "equations": "; ".join(draft.equations)}
    return Item(text, facts)


FAMILY = Family("arithmetic", draw, ())
