/* The tern command: options, the table of commands, and help from that table. Exit codes: 0 done, 1 failed, 2 not
 * understood. */
#include "cli/cli.h"
#include "cli/print.h"

#include <signal.h>
#include <stdlib.h>

struct command {
	const char *name, *argument; /* "" where it takes none */
	const char *flags; /* of j (--json), f (-f), k (--ike, --child), r (--reauth), p (--peer-*),
			      c (--counters) */
	int (*run)(struct client *c, const struct options *o);
	const char *summary, *help;
};

#define KIND_HELP                                                                                       \
	"NAME is a child, else a connection; CONNECTION/CHILD says both. --ike and --child say which\n" \
	"of the two is meant where a child is called like a connection.\n"

static const struct command commands[] = {
	{ "up", "NAME", "k", command_up, "establish a child, or all children of a connection",
		"Prints what the daemon logs of it until it is up, or why it isn't.\n" KIND_HELP
		"With --ike only the IKE SA is established.\n" },
	{ "down", "NAME", "k", command_down, "end a child, or an IKE SA with all its children",
		KIND_HELP },
	{ "trap", "NAME", "k", command_trap, "let a packet bring a child up",
		"The packet isn't lost: it waits for the child. The trap stays when the child goes.\n" KIND_HELP },
	{ "untrap", "NAME", "k", command_untrap, "take a trap away; its child stays", KIND_HELP },
	{ "rekey", "NAME", "kr", command_rekey, "give a child, or an IKE SA, new keys now",
		KIND_HELP
		"With --reauth the connection's IKE SA is set up anew beside the old one, with all its\n"
		"children; when they stand, the old one goes. No packet is lost.\n" },
	{ "redirect", "GATEWAY [CONNECTION]", "p", command_redirect,
		"send the clients of this gateway to another one",
		"GATEWAY is an address or a name. Clients that support it (RFC 5685) set up what they\n"
		"have here with GATEWAY, and then delete it here. Which ones: those of CONNECTION, and\n"
		"--peer-ip ADDRESS|SUBNET|RANGE, --peer-id ID (* matches; %any is all).\n"
		"New clients: see redirect_to in tern.conf(5).\n" },
	{ "status", "", "jc", command_status, "IKE SAs and their children, with counters",
		"With --json an array of IKE SAs, whose keys are those of VICI's list-sa.\n"
		"With --counters instead what was dropped and why, since the start or the last reset:\n"
		"those that aren't 0; with --json all, an object of those of VICI's get-counters.\n" },
	{ "conns", "", "j", command_conns, "the connections that are configured",
		"With --json an array, whose keys are those of VICI's list-conn.\n" },
	{ "pools", "", "j", command_pools, "pools of virtual addresses, and who has which",
		"With --json an object of pools, whose keys are those of VICI's get-pools.\n" },
	{ "reload", "", "", command_reload, "read the configuration's files again",
		"Tunnels that are up stay up. What is good in the files is loaded; where\n"
		"something is bad it fails, and the log names the lines.\n" },
	{ "log", "", "fj", command_log, "the daemon's recent log; -f follows it",
		"-f, --follow shows the lines that come, until interrupted.\n" },
	{ "check", "PATH", "j", NULL, "check a configuration, without a daemon",
		"PATH is a swanctl.conf, a ternd.conf or strongswan.conf, or a directory of them. Prints\n"
		"every problem as file:line: problem: remedy. Exit code: 0 without errors, else 1.\n" },
	{ "version", "", "j", command_version, "tern's version, and the daemon's", "" },
	{ "help", "[COMMAND]", "", NULL, "this text, or that of a command", "" },
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(*commands))

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];

	return NULL;
}

static int usage(void)
{
	printf("tern [--vici PATH] [--json] COMMAND\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		printf("  %-8s %-10s %s\n", commands[i].name, commands[i].argument,
			commands[i].summary);
	printf("\n  --vici PATH  the daemon's socket; also TERN_VICI. Default: %s\n"
	       "  --json       for programs: status, conns, pools, log, check, version\n"
	       "  --help       of a command: how it is used\n",
		CLI_SOCKET);

	return EXIT_GOOD;
}

static int command_help(const struct command *command)
{
	printf("tern %s%s%s%s%s: %s\n", command->name, command->argument[0] ? " " : "",
		command->argument, strchr(command->flags, 'k') ? " [--ike|--child]" : "",
		strchr(command->flags, 'f')           ? " [-f]"
			: strchr(command->flags, 'r') ? " [--reauth]"
			: strchr(command->flags, 'p') ? " [--peer-ip RANGE] [--peer-id ID]"
			: strchr(command->flags, 'c') ? " [--counters]"
						      : "",
		command->summary);
	if (command->help[0])
		printf("\n%s", command->help);

	return EXIT_GOOD;
}

static int unknown_command(const char *name)
{
	const char *names[COMMAND_COUNT + 1] = { NULL }, *near;

	for (size_t i = 0; i < COMMAND_COUNT; i++)
		names[i] = commands[i].name;
	near = nearest_word(name, names);
	if (near)
		print_error("there is no command '%s': did you mean '%s'?", name, near);
	else
		print_error("there is no command '%s': 'tern help' lists them", name);

	return EXIT_USAGE;
}

/* Options may stand before and after the command. False: said what is wrong. */
static bool option_read(struct options *o, char **argv, int *at, char *ret_flag)
{
	const char *word = argv[*at];

	*ret_flag = 0;
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		o->help = true;
	} else if (strcmp(word, "--json") == 0) {
		o->json = true;
		*ret_flag = 'j';
	} else if (strcmp(word, "-f") == 0 || strcmp(word, "--follow") == 0) {
		o->follow = true;
		*ret_flag = 'f';
	} else if (strcmp(word, "--ike") == 0 || strcmp(word, "--child") == 0) {
		o->kind = word[2] == 'i' ? NAME_IKE : NAME_CHILD;
		*ret_flag = 'k';
	} else if (strcmp(word, "--counters") == 0) {
		o->counters = true;
		*ret_flag = 'c';
	} else if (strcmp(word, "--reauth") == 0) {
		o->reauth = true;
		*ret_flag = 'r';
	} else if ((strcmp(word, "--peer-ip") == 0 || strcmp(word, "--peer-id") == 0) &&
		argv[*at + 1]) {
		*(word[8] == 'p' ? &o->peer_ip : &o->peer_id) = argv[++*at];
		*ret_flag = 'p';
	} else if (strncmp(word, "--vici=", 7) == 0 && word[7]) {
		o->socket = word + 7;
	} else if (strcmp(word, "--vici") == 0 && argv[*at + 1]) {
		o->socket = argv[++*at];
	} else if (strcmp(word, "--vici") == 0 || strcmp(word, "--vici=") == 0) {
		print_error("--vici needs the path of a socket");
		return false;
	} else {
		print_error("unknown option '%s': 'tern help' lists them", word);
		return false;
	}

	return true;
}

/* Fills in `o`; the command's name is *ret_name, NULL where there is none. `flags` collects what was given. */
static bool arguments_read(
	char **argv, struct options *o, const char **ret_name, char flags[static 16])
{
	bool only_words = false;
	size_t used = 0;
	char flag;

	for (int i = 1; argv[i]; i++) {
		if (!only_words && strcmp(argv[i], "--") == 0) {
			only_words = true;
		} else if (!only_words && argv[i][0] == '-' && argv[i][1]) {
			if (!option_read(o, argv, &i, &flag))
				return false;
			if (flag && !strchr(flags, flag) && used < 15)
				flags[used++] = flag;
		} else if (!*ret_name) {
			*ret_name = argv[i];
		} else if (o->word_count < 2) {
			o->words[o->word_count++] = argv[i];
		} else {
			print_error("too many words: '%s'", argv[i]);
			return false;
		}
	}

	return true;
}

/* Whether the words and options are those of the command; says what is wrong. */
static bool fits(const struct command *command, const struct options *o, const char *flags)
{
	bool needed = command->argument[0] && command->argument[0] != '[';
	size_t most = strchr(command->argument, ' ') ? 2 : command->argument[0] ? 1 : 0;

	if (needed && (o->word_count == 0 || o->words[0][0] == '\0')) {
		print_error("%s needs a %s: 'tern %s --help' says more", command->name,
			command->argument, command->name);
		return false;
	}
	if (o->word_count > most) {
		print_error("%s: '%s' is one word too many", command->name, o->words[most]);
		return false;
	}
	for (; *flags; flags++) {
		if (strchr(command->flags, *flags))
			continue;
		print_error("%s has no option %s", command->name,
			*flags == 'j'           ? "--json"
				: *flags == 'f' ? "-f"
				: *flags == 'r' ? "--reauth"
				: *flags == 'p' ? "--peer-ip or --peer-id"
				: *flags == 'c' ? "--counters"
						: "--ike or --child");
		return false;
	}

	return true;
}

static int run_with_daemon(const struct command *command, const struct options *o)
{
	struct client client;
	bool versions = command->run == command_version;
	int code;

	if (versions && !o->json) {
		printf("tern %s\n", TERN_VERSION);
		fflush(stdout);
	}
	if (client_open(&client, o->socket) < 0) {
		/* Our own version was the question too. */
		code = cli_failed(&client);
		if (versions && !o->json)
			code = EXIT_GOOD;
	} else {
		code = command->run(&client, o);
	}
	client_close(&client);

	return code;
}

static int run(const char *name, const struct options *o, const char *flags)
{
	const struct command *command = command_find(name);

	if (!command)
		return unknown_command(name);
	if (o->help)
		return command_help(command);
	if (!fits(command, o, flags))
		return EXIT_USAGE;
	if (strcmp(name, "help") == 0) {
		if (o->word_count == 0)
			return usage();
		command = command_find(o->words[0]);
		return command ? command_help(command) : unknown_command(o->words[0]);
	}
	if (strcmp(name, "check") == 0)
		return command_check(o);

	return run_with_daemon(command, o);
}

int main(int argc, char **argv)
{
	const char *from_environment = getenv("TERN_VICI"), *name = NULL;
	struct options o = {
		.socket = from_environment && *from_environment ? from_environment : CLI_SOCKET,
		.words = { "", "" },
	};
	char flags[16] = "";
	int code;

	if (argc < 1)
		return EXIT_USAGE;
	signal(SIGPIPE, SIG_IGN); /* of `tern log -f | head`: the write fails instead */
	print_setup();
	if (!arguments_read(argv, &o, &name, flags))
		return EXIT_USAGE;
	if (!name) {
		usage();
		return o.help ? EXIT_GOOD : EXIT_USAGE;
	}
	code = run(name, &o, flags);
	if (fflush(stdout) != 0 && code == EXIT_GOOD)
		code = EXIT_FAILED;

	return code;
}
