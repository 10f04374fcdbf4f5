import { type Command, EXIT } from "../command.ts";

const BASH = `_hanzo_fn() {
  local IFS=$'\\n'
  COMPREPLY=($(hanzo-fn __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _hanzo_fn hanzo-fn`;

const ZSH = `#compdef hanzo-fn
_hanzo_fn() {
  local -a found
  found=("\${(@f)$(hanzo-fn __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if (( \${#found} )) && [[ -n $found[1] ]]; then compadd -a found; else _files; fi
}
compdef _hanzo_fn hanzo-fn`;

const FISH = `function __hanzo_fn_complete
  set -l words (commandline -opc) (commandline -ct)
  hanzo-fn __complete $words[2..-1] 2>/dev/null
end
complete -c hanzo-fn -f -a '(__hanzo_fn_complete)'`;

export const completion: Command = {
  name: "completion",
  summary: "Print a completion script for bash, zsh or fish",
  description: "Names of functions, revisions, contexts and secrets are asked of the platform as you type.",
  args: [{ name: "shell", required: true, summary: "bash, zsh or fish", choices: ["bash", "zsh", "fish"] }],
  flags: [],
  examples: [
    "source <(hanzo-fn completion bash)",
    "hanzo-fn completion fish > ~/.config/fish/completions/hanzo-fn.fish",
  ],
  run({ args, output }) {
    output.line(args[0] === "bash" ? BASH : args[0] === "zsh" ? ZSH : FISH);
    return Promise.resolve(EXIT.ok);
  },
};
