"""What callers answer when they are asked whether they may be recorded: a yes is a yes, everything else is none."""

from __future__ import annotations

import pytest

from flowengine.flow.consent_words import answer, objects, understands

SAID: dict[str, dict[str, tuple[str, ...]]] = {
    "English": {
        "yes": (
            "Yes", "yes please", "Yeah, sure", "That's fine", "No problem", "I don't mind", "OK", "okay then", "uh-huh",
            "Yes, and my crown fell out", "Yes I have no insurance", "go ahead", "Of course, thank you", "YES!",
        ),
        "no": (
            "No", "No thank you", "nope", "I'd rather not", "Please don't", "Yes... actually no", "don't record me",
            "Absolutely not", "I do not want to be recorded", "No, and can I talk to someone?", "uh, no",
        ),
        "unclear": ("What?", "Sorry?", "I'm not sure", "Why?", "maybe", "Yes, I guess", "pardon me", "I don't know",
                    "Yes, hello?"),
        "": (
            "My crown fell out", "Okay, I need an appointment", "Hi, yes, I'm calling about a bill",
            "right, so my tooth", "Right.", "You can help me, I hope", "What are your hours?", "he can't breathe",
            "I don't know if you can help me", "yesterday I called you",
            "nobody called me back", "Is this Bright Smile Dental?",
        ),
        "silence": ("", "um", "uh...", "please", "oh"),
    },
    "Spanish": {
        "yes": ("Sí", "Claro que sí", "sí, por favor", "sí, y me duele una muela", "vale"),
        "no": ("No", "mejor no"),
        "unclear": ("Sí, hola, buenos días",),
        "": ("si me duele", "Si pudiera hablar con alguien", "¿Puede ayudarme?"),
    },
    "French": {
        "yes": ("Oui", "bien sûr", "d'accord"),
        "no": ("Non", "non merci", "pas d'accord"),
        "unclear": ("Pardon ?", "Oui bonjour, je vous appelle pour une facture"),
    },
    "German": {
        "yes": ("Ja", "ja, gerne", "kein Problem"),
        "no": ("Nein", "lieber nicht"),
        "unclear": ("Wie bitte?", "Ja, hallo?"),
        "": ("gern hätte ich einen Termin",),
    },
    "Italian": {
        "yes": ("Sì", "va bene", "sì, certo"),
        "no": ("No", "preferisco di no"),
        "unclear": ("come?",),
        "": ("Si è rotto un dente",),
    },
    "Portuguese": {
        "yes": ("Sim", "por mim tudo bem"),
        "no": ("Não", "melhor não"),
        "": ("Tudo bem?", "Pode me ajudar?"),
    },
    "Polish": {"": ("Tak", "Nie", "yes")},
}  # fmt: skip


@pytest.mark.parametrize(
    ("language", "means", "text"),
    [(language, means, text) for language, by in SAID.items() for means, said in by.items() for text in said],
)
def test_an_answer_is_what_a_turn_begins_with(language: str, means: str, text: str) -> None:
    assert answer(text, language) == means


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("English", "Could you please stop recording now?"),
        ("English", "Wait, I don't want this call recorded"),
        ("Spanish", "Por favor, deje de grabar"),
        ("French", "Arrêtez d'enregistrer, s'il vous plaît"),
        ("German", "Bitte die Aufnahme stoppen Sie, ich will nicht aufgenommen werden"),
        ("Italian", "Smetta di registrare"),
        ("Portuguese", "Pare de gravar, por favor"),
    ],
)
def test_an_objection_counts_wherever_it_stands(language: str, text: str) -> None:
    assert objects(text, language)
    assert answer(text, language) == "no"


@pytest.mark.parametrize("text", ["I recorded it myself", "I was recording a video when my crown fell out", "stop", ""])
def test_talk_about_recording_is_no_objection(text: str) -> None:
    assert not objects(text, "English")


def test_a_language_is_understood_however_it_is_spelled() -> None:
    assert understands("english")
    assert understands("Spanish")
    assert not understands("Polish")
