"""Fixed sentences in the language of the call: the flow's, and our own where a language has them."""

from __future__ import annotations

from collections.abc import Mapping

from flowengine.call.staff_wording import STAFF
from flowengine.flow.build import CALLBACK, TAKE_MESSAGE, TAKE_MESSAGE_CLOSED, VOICEMAIL
from flowengine.flow.model import Hold, Spoken, Transfer

THANKS = "Thank you. I've passed your message on. Goodbye."
GOODBYE = "Thank you for calling. Goodbye."
BACK = "I'm sorry, the line dropped for a moment. I'm back. How can I help?"
MEET = "{caller_name}, you are now connected with {person}."  # both hear it
MEET_NAMELESS = "You are now connected with {person}."
FILLER = "One moment, please."  # when an answer takes long

_SAY_BEFORE, _UPDATE = Transfer().say_before.text, Hold().update_says.text

# What the flow did not word itself. Times are left out: the engine tells them in English only.
OURS: Mapping[str, Mapping[str, str]] = {
    "spanish": {
        THANKS: "Gracias. He pasado su mensaje. Adiós.",
        GOODBYE: "Gracias por llamar. Adiós.",
        BACK: "Perdón, se cortó la línea un momento. Ya estoy aquí. ¿En qué puedo ayudarle?",
        FILLER: "Un momento, por favor.",
        MEET: "{caller_name}, ya está en línea con {person}.",
        MEET_NAMELESS: "Ya está en línea con {person}.",
        _SAY_BEFORE: "Le comunico con una persona. Suele tardar medio minuto.",
        _UPDATE: "{not_answered} no contesta. "
        "Sigo intentando comunicarle con {person}. Puede esperar, o decir mensaje para dejar uno.",
        TAKE_MESSAGE: "Ahora no hay nadie libre. Tomo su mensaje y le llamamos.",
        TAKE_MESSAGE_CLOSED: "Está cerrado. Tomo su mensaje y le llamamos.",
        CALLBACK: "Alguien le devolverá la llamada.",
        VOICEMAIL: "Deje su mensaje después de la señal.",
    },
    "french": {
        THANKS: "Merci. J'ai transmis votre message. Au revoir.",
        GOODBYE: "Merci de votre appel. Au revoir.",
        BACK: "Pardon, la ligne a été coupée un instant. Me revoici. Comment puis-je vous aider ?",
        FILLER: "Un instant, s'il vous plaît.",
        MEET: "{caller_name}, vous êtes maintenant en ligne avec {person}.",
        MEET_NAMELESS: "Vous êtes maintenant en ligne avec {person}.",
        _SAY_BEFORE: "Je vous mets en relation avec quelqu'un. Cela prend environ une demi-minute.",
        _UPDATE: "{not_answered} ne répond pas. "
        "J'essaie toujours de joindre {person}. Vous pouvez patienter, ou dire message pour en laisser un.",
        TAKE_MESSAGE: "Personne n'est libre. Je prends votre message et nous vous rappelons.",
        TAKE_MESSAGE_CLOSED: "C'est fermé. Je prends votre message et nous vous rappelons.",
        CALLBACK: "Quelqu'un vous rappellera.",
        VOICEMAIL: "Laissez votre message après le signal.",
    },
    "german": {
        THANKS: "Danke. Ich habe Ihre Nachricht weitergegeben. Auf Wiederhören.",
        GOODBYE: "Danke für Ihren Anruf. Auf Wiederhören.",
        BACK: "Entschuldigung, die Leitung war kurz weg. Ich bin wieder da. Wie kann ich helfen?",
        FILLER: "Einen Moment, bitte.",
        MEET: "{caller_name}, Sie sind jetzt mit {person} verbunden.",
        MEET_NAMELESS: "Sie sind jetzt mit {person} verbunden.",
        _SAY_BEFORE: "Ich verbinde Sie. Das dauert meist eine halbe Minute.",
        _UPDATE: "{not_answered} nimmt nicht ab. "
        "Ich versuche weiter, {person} zu erreichen. Sie können warten, oder eine Nachricht hinterlassen.",
        TAKE_MESSAGE: "Gerade ist niemand frei. Ich nehme eine Nachricht auf und wir rufen Sie zurück.",
        TAKE_MESSAGE_CLOSED: "Wir haben geschlossen. Ich nehme eine Nachricht auf und wir rufen Sie zurück.",
        CALLBACK: "Es wird Sie jemand zurückrufen.",
        VOICEMAIL: "Bitte sprechen Sie nach dem Ton.",
    },
    "italian": {
        THANKS: "Grazie. Ho trasmesso il suo messaggio. Arrivederci.",
        GOODBYE: "Grazie per la chiamata. Arrivederci.",
        BACK: "Mi scusi, la linea è caduta un attimo. Sono di nuovo qui. Come posso aiutarla?",
        FILLER: "Un momento, per favore.",
        MEET: "{caller_name}, ora è in linea con {person}.",
        MEET_NAMELESS: "Ora è in linea con {person}.",
        _SAY_BEFORE: "La metto in contatto con una persona. Di solito ci vuole mezzo minuto.",
        _UPDATE: "{not_answered} non risponde. "
        "Sto ancora cercando {person}. Può attendere, o dire messaggio per lasciarne uno.",
        TAKE_MESSAGE: "Al momento nessuno è libero. Prendo un messaggio e la richiamiamo.",
        TAKE_MESSAGE_CLOSED: "Siamo chiusi. Prendo un messaggio e la richiamiamo.",
        CALLBACK: "Qualcuno la richiamerà.",
        VOICEMAIL: "Lasci un messaggio dopo il segnale.",
    },
    "portuguese": {
        THANKS: "Obrigado. Passei a sua mensagem. Até logo.",
        GOODBYE: "Obrigado por ligar. Até logo.",
        BACK: "Desculpe, a linha caiu por um momento. Estou de volta. Como posso ajudar?",
        FILLER: "Um momento, por favor.",
        MEET: "{caller_name}, já está em linha com {person}.",
        MEET_NAMELESS: "Já está em linha com {person}.",
        _SAY_BEFORE: "Vou passar a ligação para uma pessoa. Costuma levar meio minuto.",
        _UPDATE: "{not_answered} não atende. "
        "Ainda estou tentando falar com {person}. Pode esperar, ou dizer mensagem para deixar uma.",
        TAKE_MESSAGE: "Agora ninguém está livre. Anoto a sua mensagem e retornamos a ligação.",
        TAKE_MESSAGE_CLOSED: "Estamos fechados. Anoto a sua mensagem e retornamos a ligação.",
        CALLBACK: "Alguém vai retornar a sua ligação.",
        VOICEMAIL: "Deixe a sua mensagem após o sinal.",
    },
}


def worded(line: Spoken, language: str) -> str:
    """A line of the flow in a language: the author's wording, else ours of a line the author left to us, else the
    wording of the language calls begin in."""
    return line.by_language.get(language) or ours(line.text, language)


def ours(text: str, language: str) -> str:
    """One of our own sentences in a language; in English where we have no other."""
    language = language.casefold()
    return OURS.get(language, {}).get(text) or STAFF.get(language, {}).get(text, text)
