/* completion.c -- completion scripts for bash, zsh and fish, out of the table of verbs.
 *
 * For: cmd_completion.c. Must not know: any verb by name, but `help`, whose operand is a verb.
 */
#include "cli.h"

#include <string.h>

/* A completion is of words outside a shell. */
static const struct cli here = {.in_shell = false};

/* Single quotes end the script's string. */
static void quoted(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'') fputs("'\\''", out);
        else fputc(*text, out);
    }
}

static void all_verbs(FILE *out)
{
    for (int i = 0; cli_verbs[i]; i++)
        if (cli_verb_is_here(&here, cli_verbs[i])) fprintf(out, "%s%s", i ? " " : "", cli_verbs[i]->name);
}

static void all_options(FILE *out, const struct cli_option *options)
{
    for (int i = 0; options && options[i].name; i++)
        fprintf(out, " --%s%s", options[i].name, options[i].value ? "=" : "");
}

static void all_subs(FILE *out, const struct verb *verb)
{
    for (int i = 0; verb->subs[i].name; i++) fprintf(out, "%s%s", i ? " " : "", verb->subs[i].name);
}

static void bash(FILE *out)
{
    fputs("_aerials() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} verb= sub= subs= i word options\n"
          "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        word=${COMP_WORDS[i]}\n"
          "        case $word in\n"
          "            -d|--db|--wait) ((i++)) ;;\n"
          "            -*) ;;\n"
          "            *) [[ -n $verb ]] && { sub=$word; break; }; verb=$word ;;\n"
          "        esac\n"
          "    done\n"
          "    options='",
          out);
    all_options(out, cli_globals);
    fputs("'\n    case $verb in\n        ''|help)\n            COMPREPLY=($(compgen -W '", out);
    all_verbs(out);
    fputs("' -- \"$cur\")) ;;\n", out);
    for (int i = 0; cli_verbs[i]; i++) {
        const struct verb *verb = cli_verbs[i];

        if (!cli_verb_is_here(&here, verb) || (!verb->options && !verb->subs) || strcmp(verb->name, "help") == 0)
            continue;
        fprintf(out, "        %s) options+='", verb->name);
        all_options(out, verb->options);
        if (verb->subs) fputs("' subs='", out), all_subs(out, verb);
        fputs("' ;;\n", out);
    }
    fputs("    esac\n"
          "    if [[ $cur == -* ]]; then\n"
          "        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
          "        [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null\n"
          "    elif [[ -n $subs && -z $sub ]]; then\n"
          "        COMPREPLY=($(compgen -W \"$subs\" -- \"$cur\"))\n"
          "    elif [[ -n $verb && $verb != help ]]; then\n"
          "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
          "    fi\n"
          "}\ncomplete -F _aerials aerials\n",
          out);
}

static void zsh_options(FILE *out, const struct cli_option *options)
{
    for (int i = 0; options && options[i].name; i++) {
        fprintf(out, " '--%s%s[", options[i].name, options[i].value ? "=" : "");
        for (const char *p = options[i].help; *p; p++) {
            if (*p == '\'') fputs("'\\''", out);
            else if (*p == '[' || *p == ']' || *p == ':') fprintf(out, "\\%c", *p);
            else fputc(*p, out);
        }
        fprintf(out, "]%s%s'", options[i].value ? ":" : "", options[i].value ? options[i].value : "");
    }
}

static void zsh(FILE *out)
{
    fputs("#compdef aerials\n_aerials() {\n    local -a verbs\n    verbs=(\n", out);
    for (int i = 0; cli_verbs[i]; i++) {
        if (!cli_verb_is_here(&here, cli_verbs[i])) continue;
        fprintf(out, "        '%s:", cli_verbs[i]->name);
        quoted(out, cli_verbs[i]->sentence);
        fputs("'\n", out);
    }
    fputs("    )\n    local line state\n    _arguments -C", out);
    zsh_options(out, cli_globals);
    fputs(" '1:verb:->verb' '*::operand:->rest'\n"
          "    case $state in\n"
          "        verb) _describe verb verbs ;;\n"
          "        rest)\n"
          "            case $line[1] in\n"
          "                help) _describe verb verbs ;;\n",
          out);
    for (int i = 0; cli_verbs[i]; i++) {
        if (!cli_verb_is_here(&here, cli_verbs[i]) || strcmp(cli_verbs[i]->name, "help") == 0) continue;
        fprintf(out, "                %s) _arguments", cli_verbs[i]->name);
        zsh_options(out, cli_verbs[i]->options);
        if (cli_verbs[i]->subs) fputs(" '1:word:(", out), all_subs(out, cli_verbs[i]), fputs(")'", out);
        fputs(" '*:operand:_files' ;;\n", out);
    }
    fputs(/* From a file of $fpath this text is the function itself, and must call it; sourced, it only says so. */
          "            esac ;;\n    esac\n}\n"
          "if [ \"$funcstack[1]\" = _aerials ]; then _aerials \"$@\"; else compdef _aerials aerials; fi\n",
          out);
}

static void fish_options(FILE *out, const struct cli_option *options, const char *verb)
{
    for (int i = 0; options && options[i].name; i++) {
        fputs("complete -c aerials", out);
        if (verb) fprintf(out, " -n '__fish_seen_subcommand_from %s'", verb);
        fprintf(out, " -l %s", options[i].name);
        if (options[i].letter) fprintf(out, " -s %c", options[i].letter);
        if (options[i].value) fputs(" -r", out);
        fputs(" -d '", out);
        quoted(out, options[i].help);
        fputs("'\n", out);
    }
}

static void fish_subs(FILE *out, const struct verb *verb)
{
    fprintf(out, "complete -c aerials -f -n '__fish_seen_subcommand_from %s; and not __fish_seen_subcommand_from ",
            verb->name);
    all_subs(out, verb);
    fputs("' -a '", out);
    all_subs(out, verb);
    fputs("'\n", out);
}

static void fish(FILE *out)
{
    fish_options(out, cli_globals, NULL);
    for (int i = 0; cli_verbs[i]; i++) {
        if (!cli_verb_is_here(&here, cli_verbs[i])) continue;
        fprintf(out, "complete -c aerials -f -n __fish_use_subcommand -a %s -d '", cli_verbs[i]->name);
        quoted(out, cli_verbs[i]->sentence);
        fputs("'\n", out);
        fish_options(out, cli_verbs[i]->options, cli_verbs[i]->name);
        if (cli_verbs[i]->subs) fish_subs(out, cli_verbs[i]);
    }
    fputs("complete -c aerials -f -n '__fish_seen_subcommand_from help' -a '", out);
    all_verbs(out);
    fputs("'\n", out);
}

int completion_write(FILE *out, const char *shell)
{
    if (strcmp(shell, "bash") == 0) bash(out);
    else if (strcmp(shell, "zsh") == 0) zsh(out);
    else if (strcmp(shell, "fish") == 0) fish(out);
    else return 1;
    return 0;
}
