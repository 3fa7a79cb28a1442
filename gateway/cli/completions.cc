#include "gateway/cli/completions.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace glyph::gateway::cli {
namespace {

using Commands = std::vector<CompletedCommand>;

std::string Names(const Commands& commands) {
  return absl::StrJoin(commands, " ", [](std::string* out, const CompletedCommand& command) {
    out->append(command.name);
  });
}

// A case of bash: what follows one of the option's names.
std::string BashValue(const CompletedCommand& command, const CompletedOption& option) {
  const std::string pattern =
      absl::StrJoin(option.names, " | ", [&](std::string* out, const std::string& name) {
        absl::StrAppend(out, command.name, ":", name);
      });
  const std::string words =
      option.is_path ? "compopt -o filenames 2>/dev/null; _glyph_words -f"
                     : absl::StrCat("_glyph_words -W '", absl::StrJoin(option.choices, " "), "'");
  return absl::StrCat("    ", pattern, ") ", words, "; return ;;\n");
}

std::string BashScript(const Commands& commands) {
  std::string values, cases;
  for (const CompletedCommand& command : commands) {
    std::vector<std::string> words;
    for (const CompletedOption& option : command.options) {
      if (!option.names.empty() && option.has_value) values += BashValue(command, option);
      const auto& more = option.names.empty() ? option.choices : option.names;
      words.insert(words.end(), more.begin(), more.end());
    }
    absl::StrAppend(&cases, "    ", command.name, ") _glyph_words -W '", absl::StrJoin(words, " "),
                    "' ;;\n");
  }
  return absl::StrCat(
      "_glyph_words() { mapfile -t COMPREPLY < <(compgen \"$@\" -- \"${COMP_WORDS[COMP_CWORD]}\"); "
      "}\n"
      "_glyph() {\n"
      "  if ((COMP_CWORD == 1)); then _glyph_words -W '",
      Names(commands),
      " --help --version'; return; fi\n"
      "  case ${COMP_WORDS[1]}:${COMP_WORDS[COMP_CWORD - 1]} in\n",
      values,
      "  esac\n"
      "  case ${COMP_WORDS[1]} in\n",
      cases,
      "    *) COMPREPLY=() ;;\n"
      "  esac\n"
      "}\n"
      "complete -F _glyph glyph\n");
}

// Within single quotes of zsh's _arguments and _describe.
std::string ZshText(const std::string& text) {
  return absl::StrReplaceAll(
      text, {{"'", "'\\''"}, {"[", "\\["}, {"]", "\\]"}, {":", "\\:"}, {"\\", "\\\\"}});
}

std::string ZshOption(const CompletedOption& option) {
  std::string value = ":value: ";
  if (option.is_path) value = ":file:_files";
  if (!option.choices.empty())
    value = absl::StrCat(":value:(", absl::StrJoin(option.choices, " "), ")");
  if (option.names.empty()) return option.choices.empty() ? "" : absl::StrCat(" '", value, "'");
  std::string specs;
  for (const std::string& name : option.names) {
    absl::StrAppend(&specs, " '*", name, "[", ZshText(option.help), "]",
                    option.has_value ? value : "", "'");
  }
  return specs;
}

std::string ZshScript(const Commands& commands) {
  std::string names, cases;
  for (const CompletedCommand& command : commands) {
    absl::StrAppend(&names, " '", command.name, ":", ZshText(command.help), "'");
    absl::StrAppend(&cases, "    ", command.name, ") _arguments");
    for (const CompletedOption& option : command.options) cases += ZshOption(option);
    cases += " ;;\n";
  }
  return absl::StrCat(
      "#compdef glyph\n"
      "_glyph() {\n"
      "  local -a commands\n"
      "  commands=(",
      names,
      ")\n"
      "  if ((CURRENT == 2)); then _describe command commands; return; fi\n"
      "  shift words\n"
      "  ((CURRENT--))\n"
      "  case $words[1] in\n",
      cases,
      "  esac\n"
      "}\n"
      "compdef _glyph glyph\n");
}

std::string FishText(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}});
}

std::string FishOption(const CompletedCommand& command, const CompletedOption& option) {
  std::string line =
      absl::StrCat("complete -c glyph -n '__fish_seen_subcommand_from ", command.name, "'");
  for (const std::string& name : option.names) {
    const bool is_long = absl::StartsWith(name, "--");
    absl::StrAppend(&line, is_long ? " -l " : " -s ", name.substr(is_long ? 2 : 1));
  }
  if (option.has_value) line += option.is_path ? " -rF" : " -x";
  if (!option.choices.empty())
    absl::StrAppend(&line, " -a '", absl::StrJoin(option.choices, " "), "'");
  return absl::StrCat(line, " -d '", FishText(option.help), "'\n");
}

std::string FishScript(const Commands& commands) {
  std::string script = "complete -c glyph -f\n";
  for (const CompletedCommand& command : commands) {
    absl::StrAppend(&script, "complete -c glyph -n __fish_use_subcommand -a ", command.name,
                    " -d '", FishText(command.help), "'\n");
    for (const CompletedOption& option : command.options) {
      if (option.names.empty() && option.choices.empty()) continue;
      script += FishOption(command, option);
    }
  }
  return script;
}

}  // namespace

std::string CompletionScript(const std::string& shell, const Commands& commands) {
  if (shell == "zsh") return ZshScript(commands);
  return shell == "fish" ? FishScript(commands) : BashScript(commands);
}

}  // namespace glyph::gateway::cli
