"""What staff hear from us besides the briefing: fixed sentences, in the languages we have."""

from __future__ import annotations

from collections.abc import Mapping

PRESS_ONE = "Press one to accept."
PRESS_ONE_OR_TWO = "Press one to accept, or two if you cannot."
ASK_WHY = "Thank you, somebody else will take it. Press one if you are busy, two if it is not for you, or hang up."
CONNECTING = "Connecting you."
THANK_YOU = "Thank you. Goodbye."
NOTE = "This is {office}. A caller was to be connected with you and could not wait. Please look at your staff screen."
SHALL_I = "Shall I put them through? Say yes, or press one."
NO_TIME = "I'm sorry, the caller cannot wait any longer. Thank you."
SOMEBODY_ELSE = "Thank you. I'll find somebody else. Goodbye."
THE_CALLER, NO_REASON = "the caller", "no reason given"  # what stands for a field nobody told us

STAFF: Mapping[str, Mapping[str, str]] = {
    "spanish": {
        PRESS_ONE: "Pulse uno para aceptar.",
        PRESS_ONE_OR_TWO: "Pulse uno para atender la llamada, o dos si no puede.",
        ASK_WHY: "Gracias, la atenderá otra persona. Pulse uno si está ocupado, dos si no le corresponde, o cuelgue.",
        CONNECTING: "Le paso.",
        THANK_YOU: "Gracias. Adiós.",
        NOTE: "Le llama {office}. Íbamos a pasarle una llamada que no pudo esperar. Mire su pantalla, por favor.",
        SHALL_I: "¿Se la paso? Diga sí, o pulse uno.",
        NO_TIME: "Lo siento, la persona que llama ya no puede esperar. Gracias.",
        SOMEBODY_ELSE: "Gracias. Buscaré a otra persona. Adiós.",
        THE_CALLER: "una persona",
        NO_REASON: "sin motivo indicado",
    },
    "french": {
        PRESS_ONE: "Appuyez sur un pour accepter.",
        PRESS_ONE_OR_TWO: "Appuyez sur un pour prendre l'appel, ou sur deux si vous ne pouvez pas.",
        ASK_WHY: "Merci, quelqu'un d'autre le prendra. Appuyez sur un si vous êtes occupé, sur deux si ce n'est pas "
        "pour vous, ou raccrochez.",
        CONNECTING: "Je vous mets en relation.",
        THANK_YOU: "Merci. Au revoir.",
        NOTE: "Ici {office}. Un appel vous était destiné et n'a pas pu attendre. Veuillez consulter votre écran.",
        SHALL_I: "Je vous le passe ? Dites oui, ou appuyez sur un.",
        NO_TIME: "Désolé, la personne ne peut plus attendre. Merci.",
        SOMEBODY_ELSE: "Merci. Je cherche quelqu'un d'autre. Au revoir.",
        THE_CALLER: "une personne",
        NO_REASON: "sans motif indiqué",
    },
    "german": {
        PRESS_ONE: "Zum Annehmen drücken Sie eins.",
        PRESS_ONE_OR_TWO: "Drücken Sie eins, um den Anruf anzunehmen, oder zwei, wenn Sie nicht können.",
        ASK_WHY: "Danke, jemand anderes übernimmt. Drücken Sie eins, wenn Sie beschäftigt sind, zwei, wenn es nicht "
        "für Sie ist, oder legen Sie auf.",
        CONNECTING: "Ich verbinde.",
        THANK_YOU: "Danke. Auf Wiederhören.",
        NOTE: "Hier ist {office}. Ein Anruf war für Sie und konnte nicht warten. Bitte sehen Sie auf Ihren Bildschirm.",
        SHALL_I: "Soll ich verbinden? Sagen Sie ja, oder drücken Sie eins.",
        NO_TIME: "Es tut mir leid, der Anruf kann nicht länger warten. Danke.",
        SOMEBODY_ELSE: "Danke. Ich finde jemand anderen. Auf Wiederhören.",
        THE_CALLER: "jemand",
        NO_REASON: "kein Grund genannt",
    },
    "italian": {
        PRESS_ONE: "Prema uno per accettare.",
        PRESS_ONE_OR_TWO: "Prema uno per prendere la chiamata, o due se non può.",
        ASK_WHY: "Grazie, la prenderà qualcun altro. Prema uno se è occupato, due se non è per lei, oppure riagganci.",
        CONNECTING: "La metto in contatto.",
        THANK_YOU: "Grazie. Arrivederci.",
        NOTE: "Qui {office}. Una chiamata era per lei e non ha potuto aspettare. Guardi il suo schermo, per favore.",
        SHALL_I: "Gliela passo? Dica sì, o prema uno.",
        NO_TIME: "Mi dispiace, chi chiama non può più aspettare. Grazie.",
        SOMEBODY_ELSE: "Grazie. Cerco qualcun altro. Arrivederci.",
        THE_CALLER: "una persona",
        NO_REASON: "nessun motivo indicato",
    },
    "portuguese": {
        PRESS_ONE: "Pressione um para aceitar.",
        PRESS_ONE_OR_TWO: "Pressione um para atender a ligação, ou dois se não puder.",
        ASK_WHY: "Obrigado, outra pessoa vai atender. Pressione um se está ocupado, dois se não é para si, ou "
        "desligue.",
        CONNECTING: "Conectando.",
        THANK_YOU: "Obrigado. Até logo.",
        NOTE: "Aqui é {office}. Uma ligação era para si e não pôde esperar. Por favor, veja a sua tela.",
        SHALL_I: "Posso passar a ligação? Diga sim, ou pressione um.",
        NO_TIME: "Desculpe, quem ligou não pode mais esperar. Obrigado.",
        SOMEBODY_ELSE: "Obrigado. Vou procurar outra pessoa. Até logo.",
        THE_CALLER: "uma pessoa",
        NO_REASON: "sem motivo indicado",
    },
}
