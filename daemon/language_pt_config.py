"""What is wrong with, or missing from, a configuration, in Portuguese. See `daemon.language`."""

from __future__ import annotations

from typing import Final

_ABSENT: Final = (
    ("environment variable {name:w} is not set", "a variável de ambiente {name} não está definida"),
    (
        "environment variables {names} and {last:w} are not set",
        "as variáveis de ambiente {names} e {last} não estão definidas",
    ),
    ("systemd credential {name:w} is not there", "a credencial {name} do systemd não está lá"),
    ("file {path} is not there", "o arquivo {path} não existe"),
    ("file {path} is empty", "o arquivo {path} está vazio"),
    ("{path} is not a plain file", "{path} não é um arquivo comum"),
    ("not UTF-8 text", "não é texto em UTF-8"),
)

_HINTS: Final = (
    ('did you mean "{name}"?', 'você quis dizer "{name}"?'),
    ("did you mean {name:w}?", "você quis dizer {name}?"),
    ("it can be {names}", "pode ser {names:say}"),
    ("nothing is defined there", "nada está definido ali"),
    ("none is known here", "aqui não há nenhuma"),
    ("the section `{section:w}` defines none", "a seção `{section}` não define nenhum"),
    ("and {count:n} more", "e mais {count}"),
    ("warning", "aviso"),
)

_RULES: Final = (
    ("no source brings {metric:w}", "nenhuma fonte traz {metric}"),
    ("no source brings {metric:w}; did you mean {near:w}?", "nenhuma fonte traz {metric}; você quis dizer {near}?"),
    ("there is no rule {name:w}", "não há a regra {name}"),
    ("there is no rule {name:w}; did you mean {near:w}?", "não há a regra {name}; você quis dizer {near}?"),
    ("this rule is made of itself: {circle}", "esta regra é feita dela mesma: {circle}"),
    (
        "rules are made of rules here on more than {most:n} levels",
        "aqui há regras feitas de regras em mais de {most} níveis",
    ),
    (
        "{name:w} is a {kind:w}, not an event; write metric: instead of event:",
        "{name} é {kind}, e não um evento; escreva metric: no lugar de event:",
    ),
    (
        "{name:w} is a {kind:w}; a ratio divides counters or deltas",
        "{name} é {kind}; uma razão divide counters ou deltas",
    ),
    (
        "{name:w} is an event; write event: instead of metric:",
        "{name} é um evento; escreva event: no lugar de metric:",
    ),
    ("{name:w} is a gauge; {reduce:w} is of counters and deltas", "{name} é gauge; {reduce} é de counters e deltas"),
    (
        "{name:w} is a counter, which only grows; its {reduce:w} says little: use rate or increase",
        "{name} é um counter, que só cresce; {reduce} dele diz pouco: use rate ou increase",
    ),
    ("{name:w} is not declared with the label {label:w}", "{name} não é declarado com o rótulo {label}"),
    (
        "{name:w} is not declared with the label {label:w}; did you mean {near:w}?",
        "{name} não é declarado com o rótulo {label}; você quis dizer {near}?",
    ),
    ("{reduce:w} is a plain number; {limit:w} has a unit", "{reduce} é um número puro; {limit} tem unidade"),
    ("{name:w} is in {unit:w}; {limit:w} is not", "{name} está em {unit}; {limit}, não"),
    (
        "{name:w} is a share between 0 and 1; write {limit:w} if that is what {plain:w} means",
        "{name} é uma fração entre 0 e 1; escreva {limit} se é isso que {plain} quer dizer",
    ),
    (
        "over {over:n} is shorter than the {every:n} between two polls: it will often see nothing",
        "over {over} é menor que os {every} entre duas consultas: muitas vezes não verá nada",
    ),
    (
        "over {over:n} holds one poll of every {every:n}: an increase needs two",
        "em over {over} cabe uma consulta a cada {every}: um aumento precisa de duas",
    ),
    (
        (
            "{name:w} grows by about {reach:n} in {over:n} (one poll every {every:n}), so that "
            "min_volume {least:n} is not "
            "reached and this rule never answers"
        ),
        (
            "{name} cresce cerca de {reach} em {over} (uma consulta a cada {every}), então min_volume {least} não é "
            "alcançado e esta regra nunca responde"
        ),
    ),
)

_PARTS: Final = (
    (
        "no receiver speaks to {kind:w}, so nobody is reached this way",
        "nenhum canal fala com {kind}, então ninguém é avisado por aí",
    ),
    (
        'no receiver speaks to {kind:w}, so nobody is reached this way; did you mean "{near:w}"?',
        'nenhum canal fala com {kind}, então ninguém é avisado por aí; você quis dizer "{near}"?',
    ),
    ('there is no {what:w} "{name}"; {hint}', 'não há {what:say} "{name}"; {hint:say}'),
    ("rule", "regra"),
    ("person", "pessoa"),
    ("schedule", "escala"),
    ("receiver", "canal"),
    ("source", "fonte"),
    ("action", "ação"),
    ("escalation", "escalonamento"),
    ("unknown key; {hint}", "chave desconhecida; {hint:say}"),
    ("unknown section; {hint}", "seção desconhecida; {hint:say}"),
    ('unknown kind "{kind}"; {hint}', 'tipo desconhecido "{kind}"; {hint:say}'),
    ('the key "{name}" is missing here', 'falta aqui a chave "{name}"'),
    ('the key "{name}" is missing here; {hint}', 'falta aqui a chave "{name}"; {hint:say}'),
    ("{what} is wanted here", "aqui vai {what:say}"),
    ("{what} is wanted here; put it in quotes", "aqui vai {what:say}; ponha entre aspas"),
    ("{what} is wanted here; leave the quotes out", "aqui vai {what:say}; tire as aspas"),
    ("{what} is wanted here; put it in [ ]", "aqui vai {what:say}; ponha entre [ ]"),
    ('{what} is wanted here; did you mean "{near}"?', 'aqui vai {what:say}; você quis dizer "{near}"?'),
    ("{what} is wanted here, like {like}", "aqui vai {what:say}, como {like:say}"),
    ("nothing stands here; {what} is wanted", "não há nada aqui; falta {what:say}"),
    ("text", "um texto"),
    ("a whole number", "um número inteiro"),
    ("a number", "um número"),
    ("true or false", "true ou false"),
    ("a list", "uma lista"),
    ("a mapping", "um mapa"),
    ("a date like {like:w}", "uma data como {like}"),
    ("a duration", "uma duração"),
    ("an address", "um endereço"),
    ("a mapping of names to their definitions is wanted here", "aqui vai um mapa de nomes para as suas definições"),
    ("{value:w} has no unit; write {one:w} or {other:w}", "{value} está sem unidade; escreva {one} ou {other}"),
    (
        "{text} is not a duration; write a number with its unit, like 90s, 5m or 1h30m",
        "{text} não é uma duração; escreva um número com unidade, como 90s, 5m ou 1h30m",
    ),
    ("{text} is longer than ten years", "{text} passa de dez anos"),
    (
        "a share is wanted here: 1% or 0.01, between 0 and 1",
        "aqui vai uma fração: 1% ou 0.01, entre 0 e 1",
    ),
    (
        "{text} is not a threshold; write it like 500, 1%, 500ms or 2GiB",
        "{text} não é um limite; escreva como 500, 1%, 500ms ou 2GiB",
    ),
    (
        "a secret never stands in the file; write {{env: NAME}}, {{file: PATH}} or {{credential: NAME}}",
        "um segredo nunca fica no arquivo; escreva {{env: NOME}}, {{file: CAMINHO}} ou {{credential: NOME}}",
    ),
    ("this is empty; at least one entry is wanted", "está em branco; é preciso ao menos um item"),
    ("this text is empty", "o texto está em branco"),
    ("this is less than {least:n}, the least that is allowed", "é menos que {least}, o mínimo permitido"),
    ("this is more than {most:n}, the most that is allowed", "é mais que {most}, o máximo permitido"),
    ("this must be more than {least:n}", "precisa ser mais que {least}"),
    ("this must be less than {most:n}", "precisa ser menos que {most}"),
    ("this does not have the form {form}", "não tem a forma {form}"),
    ("exactly one of above or below is wanted", "é preciso above ou below, e só um dos dois"),
    (
        "exactly one of metric, ratio, event, absent, all, any is wanted; here is {seen}",
        "é preciso um, e só um, destes: metric, ratio, event, absent, all, any; aqui há {seen:say}",
    ),
    (
        "there is no such file; name the configuration with --config FILE",
        "o arquivo não existe; indique a configuração com --config FILE",
    ),
    ("this is a directory; name the file in it", "é um diretório; indique o arquivo dentro dele"),
    ("this user may not read it", "este usuário não tem permissão de leitura"),
    ("the file is empty; at least `rules:` is wanted", "o arquivo está vazio; é preciso ao menos `rules:`"),
    (
        "the file is a mapping of sections, like `rules:` and `sources:`",
        "o arquivo é um mapa de seções, como `rules:` e `sources:`",
    ),
    ("this is not YAML: {why}", "isto não é YAML: {why}"),
    ("this is not YAML", "isto não é YAML"),
    ("a tab stands here; indent with spaces", "há uma tabulação aqui; use espaços"),
    (
        "a colon too many, or a line indented too far: text with `: ` in it wants quotes",
        "dois-pontos a mais, ou uma linha recuada demais: texto com `: ` vai entre aspas",
    ),
    (
        "a colon is missing after this key, or the text wants quotes",
        "faltam dois-pontos depois desta chave, ou o texto vai entre aspas",
    ),
    (
        "this line is indented unlike its neighbours, or the quote or bracket before it is not closed",
        "esta linha tem recuo diferente das vizinhas, ou a aspa ou o colchete anterior não foi fechado",
    ),
    (
        '"{key}" stands here twice; the first is on line {line:n}',
        '"{key}" aparece duas vezes; a primeira está na linha {line}',
    ),
    (
        "{path} cannot be used: 1 error",
        "{path} não pode ser usado: 1 erro",
    ),
    ("{path} cannot be used: {count:n} errors", "{path} não pode ser usado: {count} erros"),
    (
        'the rule "{rule}" already triggers this playbook; an alert belongs to one incident',
        'a regra "{rule}" já dispara este playbook; um alerta pertence a um só incidente',
    ),
    (
        'the rule "{rule}" already triggers playbook {name:w}; an alert belongs to one incident',
        'a regra "{rule}" já dispara o playbook {name}; um alerta pertence a um só incidente',
    ),
    (
        'the step "{id}" stands here twice; each wants an id of its own',
        'a etapa "{id}" aparece duas vezes; cada uma precisa do seu próprio id',
    ),
    (
        'the item "{id}" stands here twice; each wants an id of its own',
        'o item "{id}" aparece duas vezes; cada um precisa do seu próprio id',
    ),
    (
        "write a person's key, schedule:NAME or receiver:NAME",
        "escreva a chave de uma pessoa, schedule:NOME ou receiver:NOME",
    ),
    ('"{name}" is no person; did you mean "{near}"?', '"{name}" não é uma pessoa; você quis dizer "{near}"?'),
)

CONFIGURATION: Final = (*_ABSENT, *_HINTS, *_RULES, *_PARTS)
