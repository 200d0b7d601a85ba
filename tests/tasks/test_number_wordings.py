"""Numbers in the wordings of outputs: what is right for a target, and what never is."""

import pytest

from embedgrad.tasks.grade import grade
from embedgrad.tasks.task import Task

NUMBER = Task("number")


@pytest.mark.parametrize(
    ("target", "outputs"),
    [
        ("72", "70, or 72|70 (or 72)|70 vs 72|70 → 72|70 vs. 72|70, maybe 72|70 or maybe 72|70; or 72"
                "|70 versus 72|70 -> 72"
               "|70 apples, or 72|70 (maybe 72)|70, perhaps even 72|70 by 72|70 times 72|70 plus 72|70 of 72"
                "|70 out of 72"),
        ("1", "1 tenth|1 third|1 hundredth"),
        ("5", "4, maybe 5|4, perhaps 5|4 but maybe 5|4 or rather 5|5 quadrillion|5 squared|5 cubed|√5|5!|log 5"
                "|half of 5"
              "|below 5|above 5|5 or more|5 or less|5 tenths|5 quintillion|5 or fewer|5 and up|over 5|twice 5"
                "|5 hundredths"
              "|5 factorial|a third of 5|5-plus|5 halves|5 grand|∛5|ln 5|5 or above|5 kg or more|under $5|5 fifths"),
        ("4", "3 out of 4|3 of 4|3 of the 4|3 apples out of 4|3/4|3 people of 4|3 out of the 4"),
        ("5 mg", "5 mcg|5 µg|5 IU|5 g|5 micrograms|5 μg|5 mg/L|5 grains|5 ng|5 tablets"),
        ("5 m", "5 nm|5 µm|5 dm|5 nautical miles|5 meters squared|5 m²|5 m squared|5 meters cubed|5 m/s|5 km"
                "|5 light years"
                "|5 furlongs|5 square meters|5 meters per second"),
        ("$5", "5 Canadian dollars|5 pesos|5 grand|₦5|₦ 5|5 Hong Kong dollars|5 bitcoin|5₦|5 ₴|5 cents|C$5"
                "|5 Australian dollars"
               "|₿5|5 quid|5 apples|5 pounds|5 %"),
        ("5 kg", "5 t|5 stone|5 grams|5 pounds|5 metric tons|5 kg per week|5 kilometers|5 bags|5 newtons|5 oz"),
        ("€5", "5 rubles|5 pounds|5 dollars|5 francs|5 zloty|£5|₴5|5 kroner|5 forints|5 cents"),
        ("£5", "5 lb|5 lbs|5 euros|5 dollars"),
        ("500", "$(500)|(500)|$ (500)|(500) USD|€(500)"),
        ("5 %", "(5)%|(5) %|(5 %)|5 ‰|5 basis points"),
        ("20 °C", "20 °F|20 K|20 kelvin|20 Fahrenheit"),
    ],
)  # fmt: skip
def test_wrong_numbers(target, outputs):
    assert [output for output in outputs.split("|") if grade(NUMBER, output, target).correct] == []


@pytest.mark.parametrize(
    ("target", "outputs"),
    [
        ("72", "72|72.|72 clips|She sold 72 clips in total.|The answer is 72!|72!|So 12 + 60 = 72."
                "|12 + 60 => 72|There are 72"
               " of them.|72 (12 + 60 = 72)|So, of the 80, it is 72|In May she sold 24, so the total is 72"
                "|72 or so it is said"
               "|= 72|Answer: 72 (seventy-two)|about 72|~ **72**|72 minutes|$72|72 apples, not more"
                "|It rose to 72|The rest is"
               " 72|In 3 days she sold 72|From 12 he got 72|6 bags of 12 pens = 72|x=72|She has 72 left."
                "|72 and that is all"
               "|Adding 24, we get 72|That makes 72 more than before|of 72|a total of 72|50% of 144 is 72|72 km"),
        ("5", "5|Five, i.e. 5|Hooray, it is 5!|Wow! 5!!|5 quarters|5 third graders|5 times as many|5 more"
                "|I think it's 5, maybe"
                "|5 in all"
              "|Perhaps 5|It is probably 5.|5 squares|5 halftime shows|5 plus signs|5 people or families|log: 5"
                "|5 above the rest"),
        ("4", "4 of them|4 out of the blue|4|There are 4 of us|The other 4|All 4"),
        ("5 mg", "5 mg|5 milligrams|5|5 mg of aspirin|5 mg daily|The dose is 5 mg.|5mg|5 milligram|5 of it|5 MG"),
        ("5 m", "5 m|5 meters|5 metres long|5m|5|It is 5 m tall|5-meter|5 long|5 m away|5 m apart"),
        ("$5", "$5|5 dollars|5 USD|5 US dollars|$5 per week|$5 each|5 each|5 in change|US$5|5 more dollars|5"
                "|$5.00|5 dollars a day"
               "|She has $5 left.|5$|USD 5|5 American dollars|5 U.S. dollars|$5 apples|5 bucks"),
        ("5 kg", "5 kg of apples|5 kilograms|5 kilos|5|5 kg in total|5 kg a week|5 in total|5 kg each"
                "|5 Kilogramm"),
        ("5 t", "5 tons|5 tonnes|5 t"),
        ("€5", "5 euros|5 EUR|€5|5 €|5 Euro|5|5 euros each|€ 5"),
        ("£5", "5 pounds|£5|5 GBP"),
        ("5 lb", "5 pounds|5 lbs|5 lb"),
        ("-500", "$(500)|(500)|-500|$-500|-$500|(500) USD|€(500)|(500).|minus: -500"),
        ("-5 %", "(5)%|(5) %|-5%|-5 percent"),
        ("5 %", "5%|5 percent|5|5 per cent|5 % of all|5 percent more"),
        ("20 °C", "20 °C|20 degrees|20|20 degrees Celsius|20°|20 C"),
        ("5 m^2", "5 m²|5 square meters|5 meters squared|5 sq m|5 m squared"),
        ("5000", "5 grand|5 thousand|5k|5,000"),
    ],
)  # fmt: skip
def test_right_numbers(target, outputs):
    assert [output for output in outputs.split("|") if not grade(NUMBER, output, target).correct] == []
