import type { Command } from 'commander';
import { HoldfastError } from '../../domain/errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { CommandSetup } from '../command.ts';

const shells: Readonly<Record<string, (program: Command) => string>> = { bash, zsh, fish };

export function completionCommand(program: Command, setup: CommandSetup): void {
  program
    .command('completion')
    .summary('print a completion script for bash, zsh or fish')
    .argument('<shell>', 'bash, zsh or fish')
    .action(
      setup.plain(async (doors, [shell]) => {
        const write = shells[shell ?? ''];
        if (write === undefined)
          throw new HoldfastError('USAGE', `There is no completion for "${shell}"`, { hint: 'Use bash, zsh or fish' });
        const script = write(program);
        doors.terminal.result(script, { shell, script });
        return exitCodes.done;
      }),
    );
}

interface Words {
  readonly command: string;
  readonly summary: string;
  readonly words: readonly string[];
}

function wordsOf(program: Command): Words[] {
  return program.commands.map((command) => ({
    command: command.name(),
    summary: command.summary(),
    words: [...command.commands.map((nested) => nested.name()), ...command.options.map((option) => option.long ?? option.short ?? '')],
  }));
}

function bash(program: Command): string {
  const commands = wordsOf(program);
  const cases = commands.map(({ command, words }) => `    ${command}) words="${words.join(' ')}" ;;`).join('\n');
  return `# holdfast completion for bash: source <(holdfast completion bash)
_holdfast() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words
  case "\${COMP_WORDS[1]}" in
${cases}
    *) words="${commands.map(({ command }) => command).join(' ')} --config --json --version --help" ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && words="${commands.map(({ command }) => command).join(' ')} --config --json --version --help"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ "\${#COMPREPLY[@]}" -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -F _holdfast holdfast
`;
}

function zsh(program: Command): string {
  const commands = wordsOf(program);
  const described = commands.map(({ command, summary }) => `    '${command}:${summary.replaceAll("'", "'\\''")}'`).join('\n');
  const cases = commands.map(({ command, words }) => `    ${command}) compadd -- ${words.join(' ')}; _files ;;`).join('\n');
  return `#compdef holdfast
# holdfast completion for zsh: source <(holdfast completion zsh)
_holdfast() {
  local -a commands
  commands=(
${described}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case "\${words[2]}" in
${cases}
  esac
}
compdef _holdfast holdfast
`;
}

function fish(program: Command): string {
  const lines = wordsOf(program).flatMap(({ command, summary, words }) => [
    `complete -c holdfast -n __fish_use_subcommand -f -a ${command} -d '${summary.replaceAll("'", "\\'")}'`,
    ...words.map((word) =>
      word.startsWith('--')
        ? `complete -c holdfast -n '__fish_seen_subcommand_from ${command}' -l ${word.slice(2)}`
        : `complete -c holdfast -n '__fish_seen_subcommand_from ${command}' -f -a ${word}`,
    ),
  ]);
  return `# holdfast completion for fish: holdfast completion fish | source\n${lines.join('\n')}\n`;
}
