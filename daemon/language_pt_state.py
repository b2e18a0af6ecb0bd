"""What the state, the start and a reload say, in Portuguese. See `daemon.language`."""

from __future__ import annotations

from typing import Final

_CHANGES: Final = (
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

_START: Final = (
    (
        "the state directory {path} cannot be made or read: {why}",
        "o diretório de estado {path} não pode ser criado nem lido: {why:say}",
    ),
    ("the state directory {path} cannot be made or read", "o diretório de estado {path} não pode ser criado nem lido"),
    ("the state directory {path} is not a directory", "o diretório de estado {path} não é um diretório"),
    (
        "everybody may write in the state directory {path}: run `chmod o-w` on it, or name another",
        "qualquer um pode escrever no diretório de estado {path}: rode `chmod o-w` nele, ou indique outro",
    ),
    ("the lock file {path} cannot be opened", "o arquivo de trava {path} não pode ser aberto"),
    ("the lock file {path} cannot be written", "o arquivo de trava {path} não pode ser gravado"),
    (
        "process {pid:n} already runs on the state in {path}: stop it first, or name another state",
        "o processo {pid} já roda com o estado em {path}: pare-o antes, ou indique outro estado",
    ),
    (
        "another process already runs on the state in {path}: stop it first, or name another state",
        "outro processo já roda com o estado em {path}: pare-o antes, ou indique outro estado",
    ),
    ("{path:w} cannot be read", "{path} não pode ser lido"),
    (
        "{path} is not a plain file of its own (a link or a device): move it away",
        "{path} não é um arquivo comum (é um link ou dispositivo): tire-o do caminho",
    ),
    ("the state {path} cannot be read", "o estado {path} não pode ser lido"),
    ("the state {path} cannot be made", "o estado {path} não pode ser criado"),
    (
        "the state {path} has been cut to {bytes:n} bytes. {go_on}",
        "o estado {path} foi cortado em {bytes} bytes. {go_on:say}",
    ),
    ("{path} is not a SQLite database. {go_on}", "{path} não é um banco SQLite. {go_on:say}"),
    ("{path} is gone but its log {log:w} is there. {go_on}", "{path} sumiu, mas o log {log} está lá. {go_on:say}"),
    ("{path:w} cannot be made", "{path} não pode ser criado"),
    ("{path} is another program's SQLite file. {go_on}", "{path} é um arquivo SQLite de outro programa. {go_on:say}"),
    (
        (
            "the state {path} was written by a newer Recuo (schema {newer:n}; this one knows up to "
            "{known:n}): install that version again. {go_on}"
        ),
        (
            "o estado {path} foi gravado por um Recuo mais novo (esquema {newer}; este conhece até "
            "{known}): instale de novo aquela versão. {go_on:say}"
        ),
    ),
    (
        "the packaged migrations are not numbered 1, 2, 3, …: the installation is damaged",
        "as migrações do pacote não estão numeradas 1, 2, 3, …: a instalação está danificada",
    ),
    ("the state {path:w}: {why}", "o estado {path}: {why:say}"),
    ("the state has been closed", "o estado foi fechado"),
    ("the state has been closed; the change was not made", "o estado foi fechado; a alteração não foi feita"),
    (
        "{path} exists and is not overwritten: name a new file",
        "{path} já existe e não é sobrescrito: indique um arquivo novo",
    ),
    ("there is no directory {path} to put the copy in", "não há o diretório {path} para pôr a cópia"),
    ("the copy {path} cannot be written ({why})", "a cópia {path} não pode ser gravada ({why})"),
    ("the copy {path} cannot be written", "a cópia {path} não pode ser gravada"),
    (
        "the copy did not pass its check ({why}) and was thrown away",
        "a cópia não passou na verificação ({why}) e foi descartada",
    ),
    (
        "{text} is not an address to listen on; write HOST:PORT, like {like:w}",
        "{text} não é um endereço onde escutar; escreva HOST:PORTA, como {like}",
    ),
    ("cannot listen on {address:w}: {why}", "não é possível escutar em {address}: {why:say}"),
    (
        "cannot listen on {address:w}: another program already does; choose another address with --listen",
        "não é possível escutar em {address}: outro programa já escuta; escolha outro endereço com --listen",
    ),
    ("cannot start: {why}", "não é possível iniciar: {why:say}"),
    (
        '{text} is not a hand-over time; write "Mon 09:00" for weekly rotations, else "09:00"',
        '{text} não é um horário de troca; escreva "Mon 09:00" para rodízios semanais, ou "09:00"',
    ),
    ("that is more than {most:n} shifts; ask for a shorter time", "são mais de {most} turnos; peça um período menor"),
    ("{path} is not UTF-8 text", "{path} não é texto em UTF-8"),
    (
        "there is no sample in the input; say --start and --end to see what silence would do",
        "não há nenhuma amostra na entrada; diga --start e --end para ver o que o silêncio faria",
    ),
    ("{path} is not UTF-8 text: {why}", "{path} não é texto em UTF-8: {why}"),
)

STATE: Final = (*_CHANGES, *_START)
