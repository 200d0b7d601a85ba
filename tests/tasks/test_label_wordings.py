"""Labels in the wordings of outputs: which one is meant, and where none is."""

import pytest

from embedgrad.tasks.extract import read_by_meaning
from embedgrad.tasks.task import Task

TOXIC = ("toxic", "non-toxic")
SIGNED = ("-1", "0", "1")
PLUS = ("+", "-")
MARKS = ("1", "2", "3", "4", "5")
STARS = ("1 star", "2 stars", "3 stars", "4 stars", "5 stars")
PRICES = ("$10", "$20")
LENGTHS = ("5 m", "5 km")
TIMES = ("4:30", "14:30")
LETTERS = ("A", "B", "C", "D")
YES = ("Yes", "No")
REVIEW = ("positive", "negative")
CHINESE = ("正面", "负面")
COPIES = ("duplicate", "not duplicate")
AGES = ("18-64", "65+", "0-17")
SHARES = ("10%", "20%")


@pytest.mark.parametrize(
    ("labels", "outputs", "label"),
    [
        (TOXIC, "non\u2011toxic|non\u2010toxic|non–toxic|non—toxic|It is non\u2011toxic.|non toxic"
                "|Non-Toxic", "non-toxic"),
        (TOXIC, "nontoxic-ish|anti–toxic|non\u2013\u200btoxics", None),
        (TOXIC, "toxic|It is toxic – very much so.|Toxic — it insults.", "toxic"),
        (SIGNED, "-1|–1|\u20111|\u20101|—1|- 1|minus 1|negative 1|The score is –1.|Score: - 1|−1|﹣1|－1"
                "|minus  1", "-1"),
        (SIGNED, "1|+1|Score: 1|Score - it is 1|plus 1", "1"),
        (("0", "1"), "–1|minus 1|negative 1|\u20111|-1", None),
        (PLUS, "-|–|−|The sign is -.|**-**|Answer: -|'-'|(-)", "-"),
        (PLUS, "+|The answer is +.|**+**|`+`|(+)", "+"),
        (PLUS, "well-known|-5|C++|C+|a - b|- 5|2 + 2|A+|- item one|+1|state-of-the-art|rock – paper", None),
        (MARKS, "4 million|> 4|<4|< 4|4 and a half|4'|4''|4 thousand|4 percent|4 per cent|4 hundred|4k|4x|4ºC"
                "|4°|4 %|≥ 4", None),
        (MARKS, "at least 4|more than 4|less than 4|under 4|4 or more|4 or less|√4|4 squared|4 cubed|half of 4|3 to 4"
                "|4 or 5|4 vs 5|4 tenths|4 dozen|-4|4^2|4*2|4 x 2|4 × 2|4 plus|4th|#44|4½|4¼|4 ¾|not 4", None),
        (MARKS, "2+2|2 + 2|2-2|2*2|2/2|2×2", None),
        (MARKS, "04|4|4!|4.|4!!|4 on a scale of 1 to 5|4 on a scale from 1 to 5|I rate it 4 on a scale of 1-5."
                "|4 (on a scale of 1–5)"
                "|On a scale of 1 to 5, I'd say 4.|4 stars|four stars: 4|Rating: 4|> Rating: 4\n"
                "|4 and I mean it|Score = 4|'4'"
                "|4, because a half is missing|4/5|4 points|(4)|[4]|Rating: 04|4 — good|4 – good|4-star|4-point"
                "|I would rate this a 4 out of 5.", "4"),
        (STARS, "1-star|A 1-star review|1‑star|1 star|1 Star|It's a 1–star rating", "1 star"),
        (STARS, "-1 star|11 star|1.1 star|1/1 star|> 1 star", None),
        (PRICES, "-$10|A$10|$10 million|C$10|US$10 million|−$10|$10k|$10.50|$100|$10/20|$10–$20|$10M"
                "|$10 thousand|$10+|HK$10", None),
        (PRICES, "$10|$10.|It costs $10|$ 10|about the price: $10|$10 is right|**$10**|$10, not $20", "$10"),
        (LENGTHS, "5 m/s|5 m²|5 m^2|5 m per second|15 m|-5 m|5 m/h|5 m³|5.5 m|5 mm|5 m 20", None),
        (LENGTHS, "5 m|5m|5 m.|It is 5 m long|5 m, not 5 km|5-m", "5 m"),
        (TIMES, "4:30 pm|4:30pm|4:30 p.m.|4:30:15|4:30 PM|14:300", None),
        (TIMES, "4:30|4:30.|It is 4:30 now|at 4:30, I think|4:30!", "4:30"),
        (LETTERS, "B is wrong|Option B is not correct|B or maybe C|B is incorrect.|B isn't right|B is false"
                "|B was wrong"
                  "|B is not the answer|B can't be right|B cannot be it|Not B|B would be wrong|B or C|B? No."
                "|B is not|B, or maybe C"
                  "|I'd say B or perhaps D|B and C|B is clearly wrong|B is also wrong|B seems incorrect", None),
        (LETTERS, "B|B is right|B is correct.|Option B is correct|B is correct, C is wrong"
                "|C is wrong, so B is the answer"
                  "|A is not correct. B is.|B is not wrong|The answer is B, not C|B because A is wrong"
                "|B. C is incorrect."
                  "|I would go with B|Choice B|B!|B: it is not A", "B"),
        (REVIEW, "The answer is positive. Or negative.|positive or negative|Positive. Or maybe negative?"
                "|positive is wrong"
                 "|'positive' would be incorrect|positive is not the right label|Positive? No.", None),
        (REVIEW, "The answer is positive. Not negative.|positive|Positive, with no doubt"
                "|The answer is positive. The start is"
                 " negative.|positive, and not negative|positive is right|It is positive. Nothing is wrong with it."
                 "|The sentiment is positive because of its words.", "positive"),
        (REVIEW, r"\boxed{\text{not positive}}|\boxed{not positive}|\boxed{\textbf{not positive}}"
                r"|$\boxed{\text{isn't positive}}$", None),
        (REVIEW, r"\boxed{\text{positive}}|$\boxed{positive}$|\boxed{\textbf{Positive}}", "positive"),
        (CHINESE, "不是正面|不是正面的|并不是很正面|并非正面|不算正面|不太正面|这不是一条正面评论|没有正面", None),
        (CHINESE, "正面|这是正面的。|是正面|不是负面，而是正面。|答案：正面|正面，不是负面|我认为是正面。"
                "|这条评论不错，是正面", "正面"),
        (COPIES, "not a duplicate|It is not a duplicate.|not duplicate|Not-duplicate|These are not duplicate."
                "|This isn't a duplicate"
                 "|not really a duplicate|no duplicate|is not considered a duplicate", "not duplicate or none"),
        (COPIES, "duplicate|It is a duplicate.|Duplicate!|a duplicate, not a new one", "duplicate"),
        (YES, "Yes, no question|Yes, no doubt|yes - no question about it|Yes, there is no doubt.|Yes. No doubt."
                "|Yes, no problem"
              "|Yes, without a doubt|Yes|Yes, no doubt about it", "Yes"),
        (YES, "No, no question|No|no.|No, he did not.|No, there is no reason|No way|No, not at all"
                "|No; it is not Yes.", "No"),
        (YES, "There is no doubt.|I have no idea.|Yes or no|Yes and no|No idea|no doubt|Yes is wrong", None),
        (SHARES, "10 %|10%|10 percent|10 per cent|It is 10 %.|10\u202f%", "10%"),
        (SHARES, "110 %|-10%|10|10 %/year|1.10%|> 10%|10 to 20%|10–20 %|10 ‰", None),
        (AGES, "18–64|18-64|18—64|18 to 64|18 - 64|18‑64|18 – 64|18−64|aged 18–64", "18-64"),
        (AGES, "18–640|118-64|18-64-12|18/64|1864|18", None),
        (AGES, "65+|It is 65+.", "65+"),
    ],
)  # fmt: skip
def test_what_a_label_is_meant_by(labels, outputs, label):
    task = Task("label", labels=labels)
    read = {output: read_by_meaning(task, output) for output in outputs.split("|")}
    allowed = ("not duplicate", None) if label == "not duplicate or none" else (label,)
    assert {output: found for output, found in read.items() if found not in allowed} == {}
