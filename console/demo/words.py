"""Names, titles and sentences that the seeds are made of, in Hebrew and English."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

FIRST_NAMES: Final = (
    ("נועה", "Noa"), ("דניאל", "Daniel"), ("תמר", "Tamar"), ("יוסי", "Yossi"), ("מיכל", "Michal"), ("אבי", "Avi"),
    ("רותם", "Rotem"), ("שירה", "Shira"), ("עומר", "Omer"), ("אסתר", "Esther"), ("גיל", "Gil"), ("ליאור", "Lior"),
    ("הדס", "Hadas"), ("איתן", "Eitan"), ("מאיה", "Maya"), ("ברק", "Barak"), ("סיגל", "Sigal"), ("נדב", "Nadav"),
)  # fmt: skip
LAST_NAMES: Final = (
    ("כהן", "Cohen"), ("לוי", "Levi"), ("מזרחי", "Mizrahi"), ("פרץ", "Peretz"), ("ביטון", "Biton"), ("דהן", "Dahan"),
    ("אברהם", "Avraham"), ("פרידמן", "Friedman"), ("שפירא", "Shapira"), ("אזולאי", "Azoulay"), ("גולן", "Golan"),
)  # fmt: skip
PLACES: Final = (
    ("ירושלים", "Jerusalem"), ("תל אביב", "Tel Aviv"), ("חיפה", "Haifa"), ("הנגב", "the Negev"), ("עכו", "Acre"),
    ("הגליל", "the Galilee"), ("אילת", "Eilat"), ("יפו", "Jaffa"), ("צפת", "Safed"), ("באר שבע", "Beersheba"),
    ("הכנרת", "the Kinneret"), ("טבריה", "Tiberias"), ("נצרת", "Nazareth"), ("מצדה", "Masada"),
)  # fmt: skip
THINGS: Final = (
    ("הבית", "The House"), ("הגשר", "The Bridge"), ("המטבח", "The Kitchen"), ("הרכבת האחרונה", "The Last Train"),
    ("הלילה", "The Night"), ("החוף", "The Beach"), ("השוק", "The Market"), ("המכתב", "The Letter"),
    ("הקיבוץ", "The Kibbutz"), ("המשפחה", "The Family"), ("השכונה", "The Neighbourhood"), ("הסוד", "The Secret"),
    ("הכיתה", "The Classroom"), ("המגדלור", "The Lighthouse"), ("הגן הסודי", "The Hidden Garden"),
    ("התזמורת", "The Orchestra"), ("המאפייה", "The Bakery"), ("הספרייה", "The Library"),
)  # fmt: skip
GENRES: Final = ("drama", "comedy", "documentary", "news", "kids", "thriller", "music", "history", "cooking", "sport")
SECTIONS: Final = ("home", "new-releases", "classics", "judaism", "kids", "series", "audience-favourites")
SENTENCES: Final = (
    ("בוקר טוב לכולם, נתחיל את הישיבה", "Good morning everyone, let us begin the meeting"),
    ("המספרים של הרבעון השני טובים מהצפוי", "The second quarter's numbers are better than expected"),
    ("אפשר לעבור לשקופית הבאה בבקשה", "Could we move to the next slide, please"),
    ("אני לא בטוח שהלקוח יסכים למועד הזה", "I am not sure the customer will agree to that date"),
    ("צריך לבדוק את זה שוב לפני שבת", "This has to be checked again before Saturday"),
    ("מי אחראי על התרגום לספרדית", "Who is responsible for the Spanish translation"),
    ("הקול נקטע אצלי, אתם שומעים אותי", "My sound is breaking up, can you hear me"),
    ("נחזור לנושא אחרי ההפסקה", "We will come back to this after the break"),
    ("הגרסה החדשה עולה לאוויר ביום ראשון", "The new version goes live on Sunday"),
    ("תודה רבה, סיכום יישלח במייל", "Thank you very much, a summary will be mailed"),
    ("יש לנו שלושה ערוצים חדשים בצפון", "We have three new channels in the north"),
    ("הכתוביות מאחרות בשתי שניות בערך", "The subtitles are about two seconds late"),
    ("זה היה הסיפור של סבתא שלי מטבריה", "That was my grandmother's story from Tiberias"),
    ("הגשם הראשון ירד אתמול בלילה בגליל", "The first rain fell last night in the Galilee"),
)
MEETINGS: Final = (
    "ישיבת צוות שבועית", "Quarterly review", "Content planning", "תכנון עונה חדשה", "Partner onboarding",
    "Subtitle quality review", "סיעור מוחות: ערוץ הילדים", "Incident retrospective", "Budget 2027", "Dubbing pilot",
    "Weekly sync: Haifa and Tel Aviv", "Customer call: Northern Lights",
)  # fmt: skip
NASTY: Final = (
    "[@click=app.quit]x[/] [red]not red[/red] [b",
    "\x1b[2J\x1b[31mred\x1b]52;c;cGFzdGUgbWU=\x07 title \x1b]8;;http://example.invalid\x07link",
    "\u202egnp.exe\u202c \u2066left\u2069 zero\u200bwidth\ufeff",
    "caf\u00c3\u00a9 \u0085next\u009b31m \u2028line",
)
"""Text that tries to be markup, a terminal sequence, another direction, or mojibake."""


@dataclass(frozen=True, slots=True)
class Title:
    hebrew: str
    english: str


def title(dice: random.Random) -> Title:
    """A title such as `The Letter from Haifa`, the same in both languages."""
    thing, place, name = dice.choice(THINGS), dice.choice(PLACES), dice.choice(FIRST_NAMES)
    if dice.random() < 0.5:
        return Title(f"{thing[0]} של {name[0]}", f"{name[1]} and {thing[1]}")
    return Title(f"{thing[0]} מ{place[0]}", f"{thing[1]} from {place[1]}")


def person(dice: random.Random) -> Title:
    """A full name in both scripts."""
    first, last = dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES)
    return Title(f"{first[0]} {last[0]}", f"{first[1]} {last[1]}")


def sentences(dice: random.Random, count: int, language: int) -> str:
    """Running text; language 0 is Hebrew, 1 English."""
    return ". ".join(dice.choice(SENTENCES)[language] for _ in range(count)) + "."
