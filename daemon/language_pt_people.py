"""What the daemon says about people, messages, itself and requests, in Portuguese. See `daemon.language`."""

from __future__ import annotations

from typing import Final

_REACH: Final = (
    (
        (
            "nobody can be reached: no receiver speaks to people, so pages go to the terminal and to pages.log "
            "in the state directory; add one under `receivers`, for example of kind email"
        ),
        (
            "ninguém pode ser avisado: nenhum canal fala com pessoas, então as chamadas vão para o terminal e para "
            "pages.log no diretório de estado; acrescente um em `receivers`, por exemplo do tipo email"
        ),
    ),
    (
        "escalation {name:w} reaches nobody: none of its targets has a way that leads to a person",
        "o escalonamento {name} não chega a ninguém: nenhum dos seus alvos leva a uma pessoa",
    ),
    (
        "the steps of escalation {name:w} reach nobody: only its fallback is paged",
        "as etapas do escalonamento {name} não chegam a ninguém: só o último recurso é chamado",
    ),
    ("there is no schedule {name:w} any more", "a escala {name} não existe mais"),
    ("nobody is on call in schedule {name:w}", "não há ninguém de plantão na escala {name}"),
    ("there is no receiver {name:w} any more", "o canal {name} não existe mais"),
    ("receiver {name:w} has no destination of its own", "o canal {name} não tem destino próprio"),
    ("there is no person {name:w} any more", "a pessoa {name} não existe mais"),
    ("{name:w} cannot be reached: no contacts are given", "não há como avisar {name}: não tem contatos"),
    (
        "{name:w} cannot be reached: no receiver speaks to {kinds}",
        "não há como avisar {name}: nenhum canal fala com {kinds:say}",
    ),
    ("{one:l} or {other:w}", "{one} ou {other}"),
)

_DOCTOR: Final = (
    ("configuration", "configuração"),
    ("state", "estado"),
    ("disk", "disco"),
    ("clock", "relógio"),
    ("mode", "modo"),
    ("sources", "fontes"),
    ("people", "pessoas"),
    ("outbox", "fila de mensagens"),
    ("outbox {name:w}", "fila de mensagens de {name}"),
    ("source {name:w}", "fonte {name}"),
    ("receiver {name:w}", "canal {name}"),
    ("schedule {name:w}", "escala {name}"),
    ("{person:w}'s contact {kind:w}", "contato {kind} de {person}"),
    ("{path} is in force", "{path} está valendo"),
    (
        "mend the file, see `recuo check`, then `recuo reload`",
        "corrija o arquivo, veja `recuo check`, e use `recuo reload`",
    ),
    ("the last reload was refused: {why}", "a última recarga foi recusada: {why:say}"),
    ("look at {place}", "veja {place}"),
    ("off: {why}", "desligado: {why:say}"),
    ("give it, or take the part out of the configuration", "forneça o que falta, ou tire essa parte da configuração"),
    ("observe: nothing is done", "observe: nada é executado"),
    ("set mode: live when you trust it", "use mode: live quando confiar nele"),
    ("see what fills or blocks {directory}", "veja o que enche ou bloqueia {directory}"),
    ("{directory} can be written", "{directory} pode ser gravado"),
    ("only {free:n} are free where the state is", "só há {free} livres onde fica o estado"),
    ("make room on the disk of {directory}", "libere espaço no disco de {directory}"),
    ("others can read {path}", "outros podem ler {path}"),
    ("the system's clock was set by {by:n}", "o relógio do sistema foi acertado em {by}"),
    ("let NTP keep the clock", "deixe o NTP cuidar do relógio"),
    ("answers", "responde"),
    ("not asked yet", "ainda não consultada"),
    ("these rules see nothing without it: {rules}", "sem ela, estas regras não veem nada: {rules:say}"),
    ("nothing is watched", "nada é monitorado"),
    ("add a source to the configuration", "acrescente uma fonte à configuração"),
    ("give contacts to people, and a receiver of their kind", "dê contatos às pessoas, e um canal do tipo deles"),
    ("everyone can be reached", "todos podem ser avisados"),
    ("nobody is on call", "ninguém está de plantão"),
    ("fill its layers", "preencha as camadas dela"),
    ("{person:w} is on call", "{person} está de plantão"),
    (
        "pages through it would not arrive; see its part of the configuration",
        "as chamadas por ele não chegariam; veja a parte dele na configuração",
    ),
    ("{count:n} messages wait: {why}", "{count} mensagens esperam: {why:say}"),
    ("they are sent when the receiver takes them", "saem quando o canal as aceitar"),
    ("nothing is stuck", "nada está parado"),
)

_DELIVERIES: Final = (
    ("{place} answers", "{place} responde"),
    ("{place} answers, encrypted ({how:w})", "{place} responde, com criptografia ({how})"),
    ("{place} answers, accepts the login", "{place} responde, aceita o login"),
    (
        "{place} answers, encrypted ({how:w}), accepts the login",
        "{place} responde, com criptografia ({how}), aceita o login",
    ),
    ("{place} answers, its certificate is trusted", "{place} responde, o certificado é confiável"),
    ("{file} in the state directory can be written", "{file} no diretório de estado pode ser gravado"),
    (
        "{name:w} is configured; it can only be tried by sending a message",
        "{name} está configurado; só dá para testar enviando uma mensagem",
    ),
    ("standard error is open", "a saída de erro está aberta"),
    ("standard error takes no text: {fault:w}", "a saída de erro não aceita texto: {fault}"),
    ("{path} cannot be written: {why}", "{path} não pode ser gravado: {why:say}"),
    ("{path} cannot be read: {why}", "{path} não pode ser lido: {why:say}"),
    (
        "receiver {name:w} has no `to`: it cannot be addressed by itself",
        "o canal {name} não tem `to`: sozinho não tem destinatário",
    ),
    ("the name cannot be resolved", "o nome não resolve"),
    ("its name cannot be resolved", "o nome não resolve"),
    ("nothing listens there (connection refused)", "nada escuta nesse endereço (conexão recusada)"),
    ("{refused:n} of {all:n} recipients refused: {who}", "{refused} de {all} destinatários recusados: {who}"),
    ("the server does not offer what is configured: {why}", "o servidor não oferece o que está configurado: {why}"),
    ("the server answered {code:n} {words}", "o servidor respondeu {code} {words}"),
    ("the connection was cut", "a conexão foi cortada"),
    ("the connection was cut before an answer came", "a conexão foi cortada antes da resposta"),
    ("the server wants a login; set username and password", "o servidor exige login; configure username e password"),
    ("the user name or password was refused ({code:n})", "o usuário ou a senha foram recusados ({code})"),
    ("refused to deliver to {who}", "recusou a entrega a {who}"),
    ("cannot connect: {why}", "não foi possível conectar: {why:say}"),
    ("{place:w} answered {status:n}", "{place} respondeu {status}"),
    ("{place:w} answered {status:n} ({said})", "{place} respondeu {status} ({said})"),
    ("{place:w} answered {status:n}: {why}", "{place} respondeu {status}: {why:say}"),
    ("{place:w} answered {status:n}: {why} ({said})", "{place} respondeu {status}: {why:say} ({said})"),
    (
        "it redirects, which is not followed; configure the final address",
        "redireciona, e isso não é seguido; configure o endereço final",
    ),
    ("it does not understand the message", "não entende a mensagem"),
    ("the credentials are refused", "as credenciais foram recusadas"),
    ("the credentials do not allow it", "as credenciais não permitem"),
    ("there is nothing at this address", "não há nada nesse endereço"),
    ("the address is gone for good", "o endereço deixou de existir"),
    ("too many messages", "mensagens demais"),
    ("the server has a fault", "o servidor tem um defeito"),
    ("there is no receiver {name:w}", "não há o canal {name}"),
    ("receiver {name:w} is no longer in the configuration", "o canal {name} não está mais na configuração"),
    ("the notifier {kind:w} failed: {fault:w}", "o notificador {kind} falhou: {fault}"),
    ("gave up after {limit:n}: {why}", "desistiu depois de {limit}: {why:say}"),
    ("page", "chamada"),
    ("update", "aviso"),
    ("test", "teste"),
)

_REQUESTS: Final = (
    (
        "there is no incident {id:n}; `recuo incidents` lists them",
        "não há o incidente {id}; `recuo incidents` mostra a lista",
    ),
    (
        "incident {id:n} is {state:w}: {wish} is possible while it is open",
        "o incidente {id} está {state:say}: só é possível {wish:say} enquanto está aberto",
    ),
    ("triggered", "aberto"),
    ("acknowledged", "assumido"),
    ("resolved", "resolvido"),
    ("closed", "encerrado"),
    ("acknowledging", "assumir"),
    ("deciding", "decidir"),
    ("verifying", "verificar"),
    (
        "incident {id:n} has alerts that fire or are unknown; give a reason to resolve it anyway",
        "o incidente {id} tem alertas disparados ou desconhecidos; dê um motivo para resolvê-lo mesmo assim",
    ),
    ("the checklist has no item {item}; {hint}", "o checklist não tem o item {item}; {hint:say}"),
    ("it has {items}", "ele tem {items:say}"),
    (
        "incident {id:n} is closed: its checklist stays as it is; add a comment",
        "o incidente {id} está encerrado: o checklist fica como está; acrescente um comentário",
    ),
    ("an assessment has no {name}, but {names}", "uma avaliação não tem {name}, e sim {names}"),
    ("severity is one of {names}, not {name}", "severity é um destes: {names}; não {name}"),
    ("{name:w} is not text", "{name} não é texto"),
    ("{what} is empty", "{what:say} está em branco"),
    (
        "{what} is {count:n} characters long; at most {most:n} are kept",
        "{what:say} tem {count} caracteres; cabem {most}",
    ),
    ("the comment", "o comentário"),
    ("the decision", "a decisão"),
    ("the note", "a nota"),
    ("the reason", "o motivo"),
    ("the answer", "a resposta"),
    ("there is no rule {name}; known are {names}", "não há a regra {name}; há: {names}"),
    ("rule {name:w} looks at no series with these labels", "a regra {name} não olha nenhuma série com esses rótulos"),
    ("there is no person {name}", "não há a pessoa {name}"),
    ("known are {names}", "há: {names:say}"),
    (
        "a token named {name} would pass for someone else; choose another name",
        "um token chamado {name} passaria por outra pessoa; escolha outro nome",
    ),
    (
        "there is, or was, a token named {name}; choose another name",
        "já existe, ou existiu, um token chamado {name}; escolha outro nome",
    ),
    ("there is no token named {name}", "não há token chamado {name}"),
    (
        "{name} is the last admin token of its own; make another one first",
        "{name} é o último token admin sem pessoa; crie outro antes",
    ),
    ("this needs a token: Authorization: Bearer …", "isto exige um token: Authorization: Bearer …"),
    (
        "this needs the role {role:w}; the token {name} has {has:w}",
        "isto exige o papel {role}; o token {name} tem {has}",
    ),
    ("too many wrong tokens from here; wait a minute", "tokens errados demais vindos daqui; espere um minuto"),
    ("this token is unknown or revoked", "este token é desconhecido ou foi revogado"),
    ("only Authorization: Bearer TOKEN is known", "só é aceito Authorization: Bearer TOKEN"),
    (
        "this needs a token; give one with --token-file or RECUO_TOKEN, or name the state with --state",
        "isto exige um token; informe-o com --token-file ou RECUO_TOKEN, ou indique o estado com --state",
    ),
    ("the daemon has a fault; its log says more", "o daemon teve um defeito; o log dele diz mais"),
    ("there is no such path; see /api/openapi.json", "esse caminho não existe; veja /api/openapi.json"),
    ("changes from a page of another site are refused", "alterações vindas da página de outro site são recusadas"),
    (
        "this Host is not answered here; use 127.0.0.1 or localhost, or add it to api.allowed_hosts",
        "aqui não se responde a esse Host; use 127.0.0.1 ou localhost, ou acrescente-o a api.allowed_hosts",
    ),
    ("there is no {what:w}", "não há {what}"),
    ("{what:w} is missing", "falta {what}"),
    ("some text is wanted here", "aqui falta um texto"),
    ("at least one of {names} is wanted", "é preciso ao menos um destes: {names}"),
    ("{text} is not an instant; write it like {like:w}", "{text} não é um instante; escreva como {like}"),
    ("{text} does not say its offset; write {like}", "{text} não diz o fuso; escreva {like:say}"),
    ("the loop has not turned for {span:n}", "o laço do daemon não gira há {span}"),
    ("the loop that evaluates rules does not turn", "o laço que avalia as regras não gira"),
    ("no rule has been evaluated yet", "nenhuma regra foi avaliada ainda"),
    ("the state cannot be written: {why}", "o estado não pode ser gravado: {why:say}"),
    ("there is no person {name:w}; known are {names}", "não há a pessoa {name}; há: {names:say}"),
    (
        "the body must be JSON, with Content-Type: application/json",
        "o corpo precisa ser JSON, com Content-Type: application/json",
    ),
    ("the parameter {name} is given twice", "o parâmetro {name} aparece duas vezes"),
    ("the connection ended before the body did", "a conexão terminou antes do corpo"),
    ("a body may have {most:n} KiB at most", "um corpo tem no máximo {most} KiB"),
    ("the body is not UTF-8 text", "o corpo não é texto em UTF-8"),
    (
        "the body is not JSON: {why} in line {line:n}, column {column:n}",
        "o corpo não é JSON: {why}, linha {line}, coluna {column}",
    ),
    ("the body has a number that is too long", "o corpo tem um número longo demais"),
    ("the body has the name {name} twice", "o corpo tem o nome {name} duas vezes"),
    ("the body has {what}, which is not JSON", "o corpo tem {what}, que não é JSON"),
    ("the body is nested more than {most:n} deep", "o corpo tem mais de {most} níveis"),
    (
        "the body has half of a surrogate pair, which is no text",
        "o corpo tem metade de um par substituto, que não é texto",
    ),
    ("the body must be a JSON object", "o corpo precisa ser um objeto JSON"),
    (
        "an instant from {first:w} on is wanted here, with a year of four digits",
        "aqui vai um instante a partir de {first}, com o ano em quatro dígitos",
    ),
    ("labels are written as a JSON object, like {what:w}", "os rótulos são escritos como um objeto JSON, como {what}"),
    ("{what}: {why}; free some space on that disk", "{what}: {why:say}; libere espaço nesse disco"),
    (
        "{what}: {why}; give its owner, {who}, the right to write there",
        "{what}: {why:say}; dê ao dono, {who}, permissão de escrita",
    ),
    (
        "no daemon runs with the state in {directory}; start it with `recuo run`",
        "nenhum daemon roda com o estado em {directory}; inicie com `recuo run`",
    ),
    (
        "no daemon answers at {url:w} ({why}); is it running? `recuo run` starts one",
        "nenhum daemon responde em {url} ({why:say}); ele está rodando? `recuo run` inicia um",
    ),
    ("what answers at {url:w} is not Recuo", "o que responde em {url} não é o Recuo"),
    ("the daemon's answer ended too early: {why}", "a resposta do daemon terminou antes da hora: {why:say}"),
    ("{came:n} of {all:w} bytes", "{came} de {all} bytes"),
    ("the answer of {url:w} is longer than {most:n}", "a resposta de {url} passa de {most}"),
    ("the token in {path} cannot be read: {why}", "o token em {path} não pode ser lido: {why:say}"),
    ("there is no token in {path}", "não há token em {path}"),
    ("it is not text", "não é texto"),
    (
        "this is no token: one has letters, digits, - and _ only",
        "isto não é um token: eles só têm letras, dígitos, - e _",
    ),
    (
        "{url} is no address of a daemon; write it like {like:w}",
        "{url} não é o endereço de um daemon; escreva como {like}",
    ),
    ("there is no {places}; name one with --config FILE", "não há {places:say}; indique um com --config FILE"),
    ("{path} is already there; name a new file", "{path} já existe; indique um arquivo novo"),
    ("{path} is no directory", "{path} não é um diretório"),
    (
        "no daemon answers, and there is no state in {directory}",
        "nenhum daemon responde, e não há estado em {directory}",
    ),
    (
        "say what is assessed, like --impact TEXT; see `recuo assess --help`",
        "diga o que é avaliado, como --impact TEXTO; veja `recuo assess --help`",
    ),
    ("say the answer too, like: {command}", "diga também a resposta, como: {command}"),
    ("--label goes with a rule, not with an incident", "--label vale para uma regra, não para um incidente"),
    ("{text} is no label; write it like {like:w}", "{text} não é um rótulo; escreva como {like}"),
)

_STATE: Final = (
    ("source {name:w} added", "fonte {name} acrescentada"),
    ("source {name:w} changed", "fonte {name} alterada"),
    ("source {name:w} removed", "fonte {name} removida"),
    ("rule {name:w} added", "regra {name} acrescentada"),
    ("rule {name:w} changed", "regra {name} alterada"),
    ("rule {name:w} removed", "regra {name} removida"),
    ("person {name:w} added", "pessoa {name} acrescentada"),
    ("person {name:w} changed", "pessoa {name} alterada"),
    ("person {name:w} removed", "pessoa {name} removida"),
    ("schedule {name:w} added", "escala {name} acrescentada"),
    ("schedule {name:w} changed", "escala {name} alterada"),
    ("schedule {name:w} removed", "escala {name} removida"),
    ("escalation {name:w} added", "escalonamento {name} acrescentado"),
    ("escalation {name:w} changed", "escalonamento {name} alterado"),
    ("escalation {name:w} removed", "escalonamento {name} removido"),
    ("receiver {name:w} added", "canal {name} acrescentado"),
    ("receiver {name:w} changed", "canal {name} alterado"),
    ("receiver {name:w} removed", "canal {name} removido"),
    ("playbook {name:w} added", "playbook {name} acrescentado"),
    ("playbook {name:w} changed", "playbook {name} alterado"),
    ("playbook {name:w} removed", "playbook {name} removido"),
    ("{section:w} changed", "{section} alterado"),
    ("{section:w} changed (takes effect at the next start)", "{section} alterado (vale a partir do próximo início)"),
    ("events {first:n} to {last:n} are gone", "os eventos {first} a {last} sumiram"),
    ("event {number:n} does not follow the one before it", "o evento {number} não segue o anterior"),
    ("event {number:n} was changed after it was written", "o evento {number} foi alterado depois de gravado"),
    (
        "the newest events are gone: numbers up to {given:n} were given, the last one is {last:n}",
        "os eventos mais novos sumiram: já se numerou até {given}, e o último é {last}",
    ),
    (
        "no room to write the state {path}: free some space on its disk; the change was not made",
        "não há espaço para gravar o estado {path}: libere espaço no disco; a alteração não foi feita",
    ),
    (
        "the state {path} is locked by another program ({why}); the change was not made",
        "o estado {path} está bloqueado por outro programa ({why}); a alteração não foi feita",
    ),
    (
        "the state {path} cannot be opened or written ({why}): check its owner and permissions",
        "o estado {path} não pode ser aberto nem gravado ({why}): verifique o dono e as permissões",
    ),
    (
        "the disk failed under the state {path} ({why}): check the disk; the change was not made",
        "o disco falhou sob o estado {path} ({why}): verifique o disco; a alteração não foi feita",
    ),
    ("the state {path} is damaged ({why}). {go_on}", "o estado {path} está corrompido ({why}). {go_on:say}"),
    (
        (
            "Nothing was changed. To go on, put a good copy made with `recuo backup-state` in its place, or move "
            "{path} and what begins with its name out of the way to start with an empty state"
        ),
        (
            "Nada foi alterado. Para continuar, ponha no lugar uma cópia boa feita com `recuo "
            "backup-state`, ou tire do "
            "caminho {path} e o que começa com o nome dele, para iniciar com um estado vazio"
        ),
    ),
)

PEOPLE: Final = (*_REACH, *_DOCTOR, *_DELIVERIES, *_REQUESTS, *_STATE)
