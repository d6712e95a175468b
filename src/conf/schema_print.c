/* The table as a manual page's source. */
#include "conf/schema.h"

static void print_escaped(const char *text, FILE *to)
{
	for (; *text; text++)
		if (*text == '\\')
			fputs("\\e", to);
		else if (*text == '-')
			fputs("\\-", to);
		else if (*text == '+')
			fputc('|', to);
		else
			fputc(*text, to);
}

/* "connections.*.local*" becomes "connections.<conn>.local<suffix>". */
static void print_section(const char *section, FILE *to)
{
	size_t stars = 0;

	for (; *section; section++) {
		if (*section != '*')
			fputc(*section, to);
		else if (section[-1] == '.')
			fputs(stars++ ? "<child>" : "<name>", to);
		else
			fputs("<suffix>", to);
	}
}

static void print_key(const struct schema_key *k, FILE *to)
{
	static const char *const status[] = {
		[SCHEMA_DONE] = "",
		[SCHEMA_IGNORED] = " Not supported yet: ignored with a warning.",
		[SCHEMA_REFUSED] = " Not supported yet: an error unless it says its default.",
		[SCHEMA_QUIET] = " Accepted and without effect.",
	};

	fputs(".TP\n.BR ", to);
	print_escaped(k->key, to);
	fputs(" \" [", to);
	print_escaped(k->value, to);
	fputs("]\"\n", to);
	print_escaped(k->help, to);
	fputs(".", to);
	if (k->choices) {
		fputs(" One of ", to);
		for (const char *c = k->choices; *c; c++)
			if (*c == '|')
				fputs(", ", to);
			else
				fputc(*c == '+' ? '|' : *c, to);
		fputs(".", to);
	} else if (k->max) {
		fprintf(to, " From %llu to %llu.", (unsigned long long)k->min,
			(unsigned long long)k->max);
	}
	fprintf(to, "%s\n", status[k->status]);
}

void conf_schema_print(FILE *to)
{
	const char *section = "";

	for (size_t i = 0; i < conf_schema_count; i++) {
		bool seen = false;

		/* All keys of a section together, even where the table has another section between.
		 */
		section = conf_schema[i].section;
		for (size_t j = 0; j < i; j++)
			seen = seen || !strcmp(conf_schema[j].section, section);
		if (seen)
			continue;
		fputs(".SS ", to);
		print_section(section, to);
		fputc('\n', to);
		for (size_t j = i; j < conf_schema_count; j++)
			if (!strcmp(conf_schema[j].section, section))
				print_key(&conf_schema[j], to);
	}
}
