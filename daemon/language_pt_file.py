"""What is wrong with the text or a single value of a configuration file, in Portuguese. See `daemon.language`."""

from __future__ import annotations

from typing import Final

FILE: Final = (
    (
        "this is before the step above, at {at:n}; times count from the escalation's begin",
        "isto vem antes da etapa anterior, em {at}; os tempos contam do início do escalonamento",
    ),
    (
        "no escalation is named here, and none is called {name:w}; {hint}",
        "nenhum escalonamento é indicado aqui, e nenhum se chama {name}; {hint:say}",
    ),
    (
        "a label's name has letters, digits and _ in it, and begins with a letter or a single _",
        "o nome de um rótulo tem letras, dígitos e _, e começa com uma letra ou um só _",
    ),
    (
        "this text is too short; at least {least:n} characters are wanted",
        "o texto é curto demais; são precisos ao menos {least} caracteres",
    ),
    (
        "this text is too long; at most {most:n} characters are allowed",
        "o texto é longo demais; cabem no máximo {most} caracteres",
    ),
    ("the list is too short; at least {least:n} wanted", "a lista é curta demais; são precisos ao menos {least} itens"),
    ("the list is too long; at most {most:n} allowed", "a lista é longa demais; cabem no máximo {most} itens"),
    ("this must be a multiple of {of:n}", "precisa ser um múltiplo de {of}"),
    ("this value is not right", "este valor não serve"),
    (
        "a name is made of letters without accents, digits, - _ and . (at most 100)",
        "um nome tem letras sem acento, dígitos, - _ e . (no máximo 100)",
    ),
    ("this kind cannot be loaded here: {why}", "este tipo não pode ser carregado aqui: {why}"),
    ("there is no such time zone; write it like {like:w}", "esse fuso horário não existe; escreva como {like}"),
    ("one contact is one kind and its address, like {like}", "um contato é um tipo e o seu endereço, como {like}"),
    ("this is no e-mail address; write it like {like:w}", "isto não é um endereço de e-mail; escreva como {like}"),
    ("a weekly handover names its day too, like {like}", "a troca semanal indica também o dia, como {like}"),
    (
        "only a weekly handover names a day; write a time, like {like}",
        "só a troca semanal indica um dia; escreva um horário, como {like}",
    ),
    ("this is not a plain file", "isto não é um arquivo comum"),
    ("this is not a file name", "isto não é um nome de arquivo"),
    ("it cannot be read: {why}", "não pode ser lido: {why:say}"),
    ("the file is larger than {most:n} KiB", "o arquivo passa de {most} KiB"),
    ("this is not text in UTF-8", "isto não é texto em UTF-8"),
    (
        'no value can begin with "{what}"; put the text in quotes',
        'nenhum valor começa com "{what}"; ponha o texto entre aspas',
    ),
    (
        "no such escape after the backslash; write text with backslashes in single quotes",
        "essa sequência não existe depois da barra invertida; escreva textos com barras invertidas entre aspas simples",
    ),
    (
        "a value is missing here, between the comma or bracket before and the one after",
        "falta um valor aqui, entre a vírgula ou o colchete de antes e o de depois",
    ),
    (
        "a comma is missing before this, or a bracket before it is not closed",
        "falta uma vírgula antes disto, ou um colchete anterior não foi fechado",
    ),
    ("tags are not read", "tags não são lidas"),
    ("this is read as YAML 1.2; leave the %YAML line out", "isto é lido como YAML 1.2; tire a linha %YAML"),
    (
        "a second document begins here; a configuration is one",
        "um segundo documento começa aqui; uma configuração é um só",
    ),
    ("values are nested deeper than {most:n}", "há valores em mais de {most} níveis"),
    ("tags like {tag} are not read; write the value alone", "tags como {tag} não são lidas; escreva só o valor"),
    ("tags like {tag} are not read; write the key alone", "tags como {tag} não são lidas; escreva só a chave"),
    (
        "there are more than {most:n} values, those counted that aliases repeat",
        "há mais de {most} valores, contando os que os aliases repetem",
    ),
    ("no anchor &{name} stands before this alias", "não há a âncora &{name} antes deste alias"),
    ("the alias *{name} stands inside what it points at", "o alias *{name} está dentro daquilo que ele aponta"),
    (
        "a key is plain text; put text that begins with [, {{, & or * in quotes",
        "uma chave é texto simples; ponha entre aspas o que começa com [, {{, & ou *",
    ),
    (
        "merge keys (<<) are not read; an alias can stand for a whole value",
        "merge keys (<<) não são lidas; um alias pode valer por um valor inteiro",
    ),
    ("a key is missing before this colon", "falta uma chave antes destes dois-pontos"),
    ("a control character (U+{code:w}) stands in this text", "há um caractere de controle (U+{code}) neste texto"),
    ("a control character (U+{code:w}) stands here", "há um caractere de controle (U+{code}) aqui"),
    (
        "a number is wanted here that is neither infinite nor undefined",
        "aqui vai um número que não seja infinito nem indefinido",
    ),
    (
        "this number is too long; text made of digits wants quotes",
        "este número é longo demais; um texto feito de dígitos vai entre aspas",
    ),
    ("this number is too large", "este número é grande demais"),
    (
        "write it as {{env: NAME}}, {{file: PATH}} or {{credential: NAME}}",
        "escreva {{env: NOME}}, {{file: CAMINHO}} ou {{credential: NOME}}",
    ),
    ("a credential is a plain name, not a path", "uma credencial é um nome simples, não um caminho"),
    (
        "text is wanted here, or {{env: NAME}}, {{file: PATH}}, {{credential: NAME}}",
        "aqui vai um texto, ou {{env: NOME}}, {{file: CAMINHO}}, {{credential: NOME}}",
    ),
    ("{where:w} wants a name", "{where} precisa de um nome"),
    ("a threshold is a finite number", "um limite é um número finito"),
    ("{unit} is not a unit of a threshold; there are {units:l}", "{unit} não é uma unidade de limite; há {units}"),
    ("{name} is not a label's name", "{name} não é o nome de um rótulo"),
    (
        "a rule's name has letters, digits, - _ and . (at most 100), not {name}",
        "o nome de uma regra tem letras, dígitos, - _ e . (no máximo 100), e não {name}",
    ),
    ("clear takes exactly one of below or above", "clear leva um, e só um, destes: above ou below"),
    (
        "absent wants for: how long nothing may come, like for: 10m",
        "absent precisa de for: por quanto tempo nada pode chegar, como for: 10m",
    ),
    ("{field:w} means nothing beside {condition:w}", "{field} não significa nada ao lado de {condition}"),
    (
        "clear is on the other side: above goes with clear: {{below: …}}",
        "clear fica do outro lado: above com clear: {{below: …}}",
    ),
    ("clear at {back:w} is already past the limit {limit:w}", "clear em {back} já passa do limite {limit}"),
    ("reduce {reduce:w} wants over, like over: 5m", "reduce {reduce} precisa de `over`, como over: 5m"),
    ("aggregate goes with reduce last and by", "aggregate vai junto com `reduce: last` e `by`"),
    ("last with by wants aggregate: sum, avg, min or max", "last com `by` precisa de aggregate: sum, avg, min ou max"),
    ("{what} is wanted here, not {seen}", "aqui vai {what:say}, e não {seen:say}"),
    ("the end", "o fim"),
    ("a metric's name", "o nome de uma métrica"),
    ("a label's name or }}", "o nome de um rótulo ou }}"),
    ("one of {names}", "um destes: {names}"),
    ("a value in quotes", "um valor entre aspas"),
    ("a comma or }} is wanted here", "aqui vai uma vírgula ou }}"),
    ("column {n:n}: {why}", "coluna {n}: {why:say}"),
    ("column {n:n}: a comma or }} is wanted here", "coluna {n}: aqui vai uma vírgula ou }}"),
    ("column {n:n}: {what} is wanted here, not {seen}", "coluna {n}: aqui vai {what:say}, e não {seen:say}"),
    ("a selector has at most {most:n} characters", "um seletor tem no máximo {most} caracteres"),
    ("nothing is wanted after the selector, but here is {what}", "nada vem depois do seletor, mas aqui há {what}"),
    ("a pattern has at most {most:n} characters", "um padrão tem no máximo {most} caracteres"),
    ("{pattern} is not a regular expression: {why}", "{pattern} não é uma expressão regular: {why}"),
    (
        "an address holds no user or password; write token: or headers: instead",
        "um endereço não leva usuário nem senha; escreva token: ou headers: no lugar",
    ),
    ("statuses are wanted here, like {one} or {other:w}", "aqui vão status, como {one} ou {other}"),
    ("headers are wanted here, like {like}", "aqui vão cabeçalhos, como {like}"),
    ("{name} is not a header's name", "{name} não é o nome de um cabeçalho"),
    ("{name:w} is set by the probe itself", "{name} é definido pela própria sonda"),
    (
        (
            "{name:w} looks like a credential, which never stands in the file; write {{env: NAME}}, "
            "{{file: PATH}} or {{credential: NAME}}"
        ),
        (
            "{name} parece uma credencial, que nunca fica no arquivo; escreva {{env: NOME}}, {{file: "
            "CAMINHO}} ou {{credential: NOME}}"
        ),
    ),
    ("a header's value is one line of plain ASCII text", "o valor de um cabeçalho é uma linha de texto ASCII simples"),
    ("a body goes with method: POST", "body vai junto com method: POST"),
    (
        "follow_redirects goes with GET and HEAD: a POST is not sent on",
        "follow_redirects vale para GET e HEAD: um POST não é reenviado",
    ),
    (
        "an answer to HEAD has no body that expect_text could be found in",
        "a resposta a HEAD não tem corpo onde achar expect_text",
    ),
    (
        "token and an Authorization header are the same header; write one",
        "token e um cabeçalho Authorization são o mesmo cabeçalho; escreva um só",
    ),
    ("either url or endpoints is wanted here", "aqui vai url ou endpoints"),
    ("{field:w} belongs into each of the endpoints", "{field} vai dentro de cada um dos endpoints"),
    (
        "exactly one of command, name and pidfile says which process is meant",
        "um, e só um, de command, name e pidfile diz qual é o processo",
    ),
    ("command is empty: any process would match", "command está em branco: qualquer processo serviria"),
    (
        "{unit} is not the full name of a unit; write it like {like:w}",
        "{unit} não é o nome completo de uma unit; escreva como {like}",
    ),
    (
        "auto, off or a path below /sys/fs/cgroup is wanted, like {like:w}",
        "aqui vai `auto`, `off` ou um caminho sob /sys/fs/cgroup, como {like}",
    ),
    ("{value} is not an e-mail address", "{value} não é um endereço de e-mail"),
    ("{value} has a domain that cannot exist", "{value} tem um domínio que não pode existir"),
    (
        (
            "security: none would send pages and passwords in clear to {host:w}; use starttls or tls, "
            "or say insecure: true"
        ),
        "security: none enviaria chamadas e senhas às claras a {host}; use starttls ou tls, ou declare insecure: true",
    ),
    (
        "username and password belong together; one of them is missing",
        "username e password andam juntos; falta um deles",
    ),
    ("the secret is not {prefix:w} and base64", "o segredo não é {prefix} e base64"),
    (
        "the secret holds {count:n} bytes; Standard Webhooks wants 24 to 64",
        "o segredo tem {count} bytes; Standard Webhooks pede de 24 a 64",
    ),
    ("this is not an address; write it like {like:w}", "isto não é um endereço; escreva como {like}"),
    ("{name:w} cannot be set here", "{name} não pode ser definido aqui"),
    ("the value of {name:w} is not plain ASCII text", "o valor de {name} não é texto ASCII simples"),
    (
        "http would send messages in clear to {host:w}; use https, or say insecure: true",
        "http enviaria mensagens às claras a {host}; use https, ou declare insecure: true",
    ),
)
