/* ternd's command line. */
#pragma once

#include "conf/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define OPTIONS_CONFIG_DEFAULT     "/etc/tern"
#define OPTIONS_DATA_PLANE_NOT_SET (-1)

struct options {
	const char *config;   /* directory */
	bool config_given;    /* then it has to be there */
	const char *settings; /* file; NULL: ternd.conf in the directory, where there is one */
	const char *vici;     /* NULL: as the settings say */
	int data_plane; /* DATA_PLANE_AUTO ... of the settings, or OPTIONS_DATA_PLANE_NOT_SET */
};

enum options_verdict {
	OPTIONS_RUN,
	OPTIONS_HELP,
	OPTIONS_VERSION,
	OPTIONS_BAD, /* `problem` says why */
};

enum options_verdict options_parse(
	int argc, char **argv, struct options *ret_options, char *problem, size_t problem_size);

void options_help(FILE *out);
