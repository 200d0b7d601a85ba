"""MEDD: Chinese sentences in eight moods (Chinese Multi-Emotion Dialogue Dataset, Johnson8187).

The labels of the set are Traditional Chinese, the paper's prompt names eight English ones. `MEANING` is our mapping;
the paper states none. It is one to one, and for six of the eight the nearest word. Two are looser: 平淡語氣 ("flat
tone") is what the prompt calls calm, and 疑問語調 ("questioning tone") is what it calls doubtful.
"""

from __future__ import annotations

from embedgrad.data.draws import halves
from embedgrad.data.example import Example
from embedgrad.data.hub import HubFile
from embedgrad.datasets.data_set import LARGE, PAPER, DataSet, Split, Target, label
from embedgrad.datasets.source_file import SourceFile
from embedgrad.tasks.task import Task

MEANING = {
    "悲傷語調": "sad",
    "憤怒語調": "angry",
    "關切語調": "concerned",
    "驚奇語調": "surprised",
    "開心語調": "happy",
    "平淡語氣": "calm",
    "厭惡語調": "disgusted",
    "疑問語調": "doubtful",
}
# By meaning: the set's own label, and plain words for the same mood, Traditional and Simplified.
ACCEPTED = {
    "sad": ("悲傷語調", "悲傷", "悲伤", "難過", "难过", "sadness"),
    "angry": ("憤怒語調", "憤怒", "愤怒", "生氣", "生气", "anger"),
    "concerned": ("關切語調", "關切", "关切", "關心", "关心", "concern"),
    "surprised": ("驚奇語調", "驚奇", "惊奇", "驚訝", "惊讶", "surprise"),
    "happy": ("開心語調", "開心", "开心", "高興", "高兴", "happiness"),
    "calm": ("平淡語氣", "平淡", "平靜", "平静", "calmness"),
    "disgusted": ("厭惡語調", "厭惡", "厌恶", "disgust"),
    "doubtful": ("疑問語調", "疑問", "疑问", "懷疑", "怀疑", "doubt"),
}

MEDD = DataSet(
    name="medd",
    title="MEDD",
    origin=("https://huggingface.co/datasets/Johnson8187/Chinese_Multi-Emotion_Dialogue_Dataset",),
    license="MIT",
    shown=Example("我終於考上駕照了，週末去兜風！", "happy"),
    prompt=(
        "Determine the main emotion or mood expressed in the following text, choosing only from: [sad, angry, "
        "concerned, surprised, happy, calm, disgusted, doubtful]. Requirement: Let's think step by step and choose the "
        "strongest one."
    ),
    input="text",
    targets={
        "label": Target(label("emotion", MEANING), Task("label", labels=tuple(MEANING.values()), accepted=ACCEPTED))
    },
    files={
        "rows": SourceFile(
            ("data.csv", "medd*"),
            HubFile(
                "Johnson8187/Chinese_Multi-Emotion_Dialogue_Dataset",
                "119d246a1595b44fd2cdccff0d9b288eafee25d1",
                "data.csv",
            ),
            rows_sha256="5e8aafaec49da3cf8fa5740f3fd956acaa14e222510e7fc852e8988bcc512c66",
        )
    },
    splits={
        LARGE: Split("2,080 of the 4,159 sentences for the test, the others to tune on", halves("rows")),
        PAPER: Split(
            "not known: no test size up to 4,159 gives all its figures; halves, as in `large`", halves("rows")
        ),
    },
    max_new_tokens=512,
)
