"""What rules, the engine and sources say, in Portuguese. How placeholders are written: `daemon.language`."""

from __future__ import annotations

from typing import Final

_REDUCES: Final = (
    ("last", "último valor"),
    ("avg", "média"),
    ("min", "mínimo"),
    ("max", "máximo"),
    ("sum", "soma"),
    ("count", "número de amostras"),
    ("rate", "taxa por segundo"),
    ("increase", "aumento"),
    ("p50", "p50"),
    ("p90", "p90"),
    ("p95", "p95"),
    ("p99", "p99"),
)
_RULES: Final = (
    # a rule's condition
    ("{what} above {limit:n}", "{what:say} acima de {limit}"),
    ("{what} below {limit:n}", "{what:say} abaixo de {limit}"),
    ("{what} above {limit:n} for {hold:n}", "{what:say} acima de {limit} por {hold}"),
    ("{what} below {limit:n} for {hold:n}", "{what:say} abaixo de {limit} por {hold}"),
    ("above {limit:n}", "acima de {limit}"),
    ("below {limit:n}", "abaixo de {limit}"),
    ("above {limit:n} for {hold:n}", "acima de {limit} por {hold}"),
    ("below {limit:n} for {hold:n}", "abaixo de {limit} por {hold}"),
    ("{what} over {span:n}", "{what:say} em {span}"),
    ("{what} over {span:n} by {labels:l}", "{what:say} em {span} por {labels}"),
    ("{of:s} / {to:s} over {span:n}", "{of} / {to} em {span}"),
    *((f"{reduce} of {{metric:s}}", f"{said} de {{metric}}") for reduce, said in _REDUCES),
    *(
        (f"{reduce} of {{metric:s}} by {{labels:l}}", f"{said} de {{metric}} por {{labels}}")
        for reduce, said in _REDUCES
    ),
    ("all of {parts}", "todas de {parts}"),
    ("any of {parts}", "alguma de {parts}"),
    ("all of {parts} for {hold:n}", "todas de {parts} por {hold}"),
    ("any of {parts} for {hold:n}", "alguma de {parts} por {hold}"),
    ("event {metric:s}", "evento {metric}"),
    ("event {metric:s} for {hold:n}", "evento {metric} por {hold}"),
    ("absent {metric:s}", "ausência de {metric}"),
    ("absent {metric:s} for {hold:n}", "ausência de {metric} por {hold}"),
    # an alert's text
    ("{what} is {value:n}, limit above {limit:n}", "{what:say}: {value} (limite: acima de {limit})"),
    ("{what} is {value:n}, limit below {limit:n}", "{what:say}: {value} (limite: abaixo de {limit})"),
    ("{what}: {value:n}", "{what:say}: {value}"),
)

_ENGINE: Final = (
    ("recuo was not running", "o Recuo não estava rodando"),
    ("a part is unknown", "uma das partes está desconhecida"),
    ("source failing", "a fonte está falhando"),
    ("insufficient sample", "amostra insuficiente"),
    ("no sample in the window", "nenhuma amostra na janela"),
    ("no fresh sample", "nenhuma amostra recente"),
    ("ended", "a série terminou"),
    ("rule removed", "a regra foi removida"),
    ("rule changed", "a regra foi alterada"),
    # the steps and deadlines of `explain`
    ("its series has not come back since the restart", "a série não voltou desde o reinício"),
    ("{metric:s} grew by {by:n}", "{metric} cresceu {by}"),
    ("{to:n} is less than min_volume {least:n}: no answer", "{to} é menos que min_volume {least}: sem resposta"),
    ("{of:n} / {to:n} = {value:n}", "{of} / {to} = {value}"),
    ("{name:w} is firing", "{name} está disparada"),
    ("{name:w} is not firing", "{name} não está disparada"),
    ("{name:w} is unknown", "{name} está desconhecida"),
    ("1 sample of 1 series in the window", "1 amostra de 1 série na janela"),
    ("{count:n} samples of 1 series in the window", "{count} amostras de 1 série na janela"),
    ("1 sample of {many:n} series in the window", "1 amostra de {many} séries na janela"),
    ("{count:n} samples of {many:n} series in the window", "{count} amostras de {many} séries na janela"),
    ("{what} = {value:n}", "{what:say} = {value}"),
    ("{value:n} above {limit:n}: {answer}", "{value} acima de {limit}: {answer:say}"),
    ("{value:n} below {limit:n}: {answer}", "{value} abaixo de {limit}: {answer:say}"),
    ("true", "verdadeiro"),
    ("false", "falso"),
    ("false, and clear", "falso, e já normalizado"),
    ("unknown: {why}", "desconhecido: {why:say}"),
    ("unknown, if no sample comes", "fica desconhecido, se não chegar nenhuma amostra"),
    ("resolves as ended, if its series does not come back", "volta ao normal como terminado, se a série não voltar"),
    ("dropped, if still unknown", "é descartado, se continuar desconhecido"),
    ("fires, if still true", "dispara, se continuar verdadeiro"),
    ("resolves, if still false", "volta ao normal, se continuar falso"),
    # blind sources and refused polls
    (
        "source {name:w} has failed for more than {limit:n}: {why}; rules that depend on it: {rules}",
        "a fonte {name} falha há mais de {limit}: {why:say}; regras que dependem dela: {rules:say}",
    ),
    ("{why}; rules that depend on it: {rules}", "{why:say}; regras que dependem dela: {rules:say}"),
    ("source {name:w} answers again", "a fonte {name} voltou a responder"),
    ("none", "nenhuma"),
    (
        "source {name:w} brought {count:n} series; its bounds.series is {most:n}",
        "a fonte {name} trouxe {count} séries; o bounds.series dela é {most}",
    ),
    (
        "source {name:w} brought {metric} with {count:n} labels; its bounds.labels is {most:n}",
        "a fonte {name} trouxe {metric} com {count} rótulos; o bounds.labels dela é {most}",
    ),
    (
        "source {name:w} brought a label of {count:n} characters; its bounds.label_length is {most:n}",
        "a fonte {name} trouxe um rótulo de {count} caracteres; o bounds.label_length dela é {most}",
    ),
    (
        "source {name:w} brought a metric's name of {count:n} characters; its bounds.label_length is {most:n}",
        "a fonte {name} trouxe um nome de métrica de {count} caracteres; o bounds.label_length dela é {most}",
    ),
    # rules that nothing watches
    ("source {name:w} is off: {why}", "a fonte {name} está desligada: {why:say}"),
    ("no source gives its metric", "nenhuma fonte fornece a métrica"),
)

_ENDINGS: Final = (
    ("exited with code {code:n}", "saiu com o código {code}"),
    ("killed by signal {number:n}", "morto pelo sinal {number}"),
    ("killed by signal {number:n} ({name:w})", "morto pelo sinal {number} ({name})"),
    ("killed by signal {number:n}, core dumped", "morto pelo sinal {number}, com core dump"),
    ("killed by signal {number:n} ({name:w}), core dumped", "morto pelo sinal {number} ({name}), com core dump"),
    ("ended; its exit code was not seen", "terminou; o código de saída não foi visto"),
    ("{who:w} exited with code {code:n}", "{who} saiu com o código {code}"),
    ("{who:w} killed by signal {number:n}", "{who} foi morto pelo sinal {number}"),
    ("{who:w} killed by signal {number:n} ({name:w})", "{who} foi morto pelo sinal {number} ({name})"),
    ("{who:w} killed by signal {number:n}, core dumped", "{who} foi morto pelo sinal {number}, com core dump"),
    (
        "{who:w} killed by signal {number:n} ({name:w}), core dumped",
        "{who} foi morto pelo sinal {number} ({name}), com core dump",
    ),
    ("{who:w} ended; its exit code was not seen", "{who} terminou; o código de saída não foi visto"),
    ("{who:w} failed ({why:w}), no main process ran", "{who} falhou ({why}), nenhum processo principal rodou"),
    ("failed ({why:w}), no main process ran", "falhou ({why}), nenhum processo principal rodou"),
    ("{who:w} restarted once by systemd meanwhile", "{who} foi reiniciado uma vez pelo systemd nesse meio-tempo"),
    ("{how} for want of memory (OOM)", "{how:say} por falta de memória (OOM)"),
    ("{how} by the watchdog", "{how:say} pelo watchdog"),
    ("{how} after a time-out", "{how:say} depois de esgotar o tempo"),
    (
        "{how} and started too often to be tried again",
        "{how:say} e foi iniciado vezes demais para uma nova tentativa",
    ),
    ("{how}; systemd restarted it", "{how:say}; o systemd reiniciou"),
    (
        "{who:w} restarted {times:n} times by systemd meanwhile",
        "{who} foi reiniciado {times} vezes pelo systemd nesse meio-tempo",
    ),
    ("restarted {times:n} times by systemd meanwhile", "reiniciado {times} vezes pelo systemd nesse meio-tempo"),
)

_PROBES: Final = (
    ("answered {status:n}", "respondeu {status}"),
    ("no answer within {limit:n}", "sem resposta em {limit}"),
    ("no answer within {limit:n} ({phase:w})", "sem resposta em {limit} ({phase:say})"),
    ("connect", "conexão"),
    ("first_byte", "primeiro byte"),
    ("transfer", "transferência"),
    ("its name cannot be looked up within {limit:n}", "o nome não foi consultado em {limit}"),
    ("its name cannot be looked up: {why}", "não foi possível consultar o nome: {why:say}"),
    ("its name does not resolve", "o nome não resolve"),
    ("its name has no address", "o nome não tem endereço"),
    ("its certificate is not trusted: {why}", "o certificado não é confiável: {why:say}"),
    ("TLS failed: {why}", "o TLS falhou: {why:say}"),
    ("connection broken off", "conexão interrompida"),
    ("no common protocol", "nenhum protocolo em comum"),
    ("it refuses connections", "recusa conexões"),
    ("it broke the connection off", "interrompeu a conexão"),
    ("its host cannot be reached", "não há caminho até o servidor"),
    ("its host does not answer", "o servidor não responde"),
    ("it breaks its answer off", "interrompe a resposta no meio"),
    ("it does not answer in HTTP", "não responde em HTTP"),
    ("it ends the connection without an answer", "encerra a conexão sem responder"),
    ("it redirects more than {times:n} times", "redireciona mais de {times} vezes"),
    ("it redirects to an address that cannot be followed", "redireciona para um endereço que não pode ser seguido"),
    ("the proxy does not get through to it", "o proxy não consegue chegar até lá"),
    ("the connection broke", "a conexão caiu"),
    ("the answer is in an encoding that was not asked for", "a resposta veio em uma codificação que não foi pedida"),
    ("the answer's compression is broken", "a compressão da resposta está corrompida"),
    ("the expected text is not in the answer", "o texto esperado não está na resposta"),
    ("the proxy cannot be reached: {why}", "não foi possível chegar ao proxy: {why:say}"),
    ("our own network does not let us: {why}", "a nossa própria rede não deixa: {why:say}"),
    ("connection failed", "a conexão falhou"),
    ("could not ask {name:w}: {why}", "não foi possível consultar {name}: {why:say}"),
    ("could not ask {name:w}: {why}, and {more:n} more", "não foi possível consultar {name}: {why:say}, e mais {more}"),
    (
        (
            "{source:w} is refused: with endpoint {name:w} more than {most:n} bytes came in one poll; "
            "ask for less, or raise bounds: {{bytes: …}}"
        ),
        (
            "{source} foi recusada: com o endpoint {name} vieram mais de {most} bytes em uma consulta; "
            "peça menos, ou aumente bounds: {{bytes: …}}"
        ),
    ),
    ("ca_file {path} cannot be used: {why}", "o ca_file {path} não pode ser usado: {why:say}"),
    ("ca_file {path} cannot be read: {why}", "o ca_file {path} não pode ser lido: {why:say}"),
    (
        "this machine's figures cannot be read under {place}: {why}",
        "os números desta máquina não podem ser lidos em {place}: {why:say}",
    ),
    ("fault in source {kind:w}: {why}", "defeito na fonte do tipo {kind}: {why}"),
    ("systemctl cannot be started: {why}", "o systemctl não pode ser iniciado: {why:say}"),
    ("systemd does not answer within {limit:n}", "o systemd não responde em {limit}"),
    ("systemctl ended with {code:n}", "o systemctl terminou com {code}"),
    ("/proc does not answer within {limit:n}", "/proc não responde em {limit}"),
    # what the system and TLS say most often
    ("Permission denied", "permissão negada"),
    ("No such file or directory", "arquivo ou diretório não existe"),
    ("Is a directory", "é um diretório"),
    ("No space left on device", "não há espaço no disco"),
    ("Read-only file system", "o sistema de arquivos é só de leitura"),
    ("Connection refused", "conexão recusada"),
    ("connection refused", "conexão recusada"),
    ("Temporary failure in name resolution", "falha temporária na resolução de nomes"),
    ("Name or service not known", "nome desconhecido"),
    ("not PEM", "não é PEM"),
    ("self-signed certificate", "certificado autoassinado"),
    ("self-signed certificate in certificate chain", "certificado autoassinado na cadeia"),
    ("certificate has expired", "o certificado expirou"),
    ("certificate is not yet valid", "o certificado ainda não é válido"),
    ("unable to get local issuer certificate", "a autoridade emissora é desconhecida"),
    (
        "Hostname mismatch, certificate is not valid for {name:w}",
        "o certificado não é válido para o nome {name}",
    ),
    (
        "IP address mismatch, certificate is not valid for {name:w}",
        "o certificado não é válido para o endereço {name}",
    ),
)

WATCHING: Final = (*_RULES, *_ENGINE, *_ENDINGS, *_PROBES)
