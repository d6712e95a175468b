/* ternd's command line. Pure: it prints nothing and ends nothing. */
#include "host/options.h"

#include <getopt.h>
#include <string.h>

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "settings", required_argument, NULL, 's' },
	{ "vici", required_argument, NULL, 'v' },
	{ "data-plane", required_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static bool data_plane_parse(const char *text, int *ret_plane)
{
	static const char *const names[] = {
		[DATA_PLANE_AUTO] = "auto",
		[DATA_PLANE_USER] = "user",
		[DATA_PLANE_KERNEL] = "kernel",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_plane = (int)i;
			return true;
		}
	}
	return false;
}

enum options_verdict options_parse(
	int argc, char **argv, struct options *ret_options, char *problem, size_t problem_size)
{
	struct options o = { .config = OPTIONS_CONFIG_DEFAULT,
		.data_plane = OPTIONS_DATA_PLANE_NOT_SET };
	int found;

	optind = 0; /* GNU: start over */
	opterr = 0;
	while ((found = getopt_long(argc, argv, ":hV", long_options, NULL)) != -1) {
		switch (found) {
		case 'c':
			o.config = optarg;
			o.config_given = true;
			break;
		case 's':
			o.settings = optarg;
			break;
		case 'v':
			o.vici = strncmp(optarg, "unix://", 7) == 0 ? optarg + 7 : optarg;
			break;
		case 'd':
			if (data_plane_parse(optarg, &o.data_plane))
				break;
			snprintf(problem, problem_size,
				"--data-plane %s: choose auto, user or kernel", optarg);
			return OPTIONS_BAD;
		case 'h':
			return OPTIONS_HELP;
		case 'V':
			return OPTIONS_VERSION;
		case ':':
			snprintf(problem, problem_size, "%s needs a value", argv[optind - 1]);
			return OPTIONS_BAD;
		default:
			snprintf(problem, problem_size,
				"%s: no such option, or one that takes no value", argv[optind - 1]);
			return OPTIONS_BAD;
		}
	}
	if (optind < argc) {
		snprintf(problem, problem_size, "%s: ternd takes options only", argv[optind]);
		return OPTIONS_BAD;
	}
	*ret_options = o;
	return OPTIONS_RUN;
}

void options_help(FILE *out)
{
	fputs("Usage: ternd [OPTION]...\n"
	      "The tern IKE daemon. It stays in the foreground and logs to standard error.\n"
	      "\n"
	      "  --config DIR       configuration and credentials in swanctl's layout (" OPTIONS_CONFIG_DEFAULT
	      ");\n"
	      "                     without this directory ternd waits for VICI\n"
	      "  --settings FILE    ternd.conf or strongswan.conf (DIR/ternd.conf)\n"
	      "  --vici PATH        control socket (/run/tern/vici.sock)\n"
	      "  --data-plane KIND  auto, user or kernel (auto)\n"
	      "  --help             show this\n"
	      "  --version          show the version\n"
	      "\n"
	      "SIGHUP reloads the configuration; SIGTERM and SIGINT end the daemon and undo what it set up.\n"
	      "See also: tern(1), ternd(8).\n",
		out);
}
