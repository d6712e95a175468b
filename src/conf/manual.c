/* Prints the manual page of the configuration from the schema table: what the loader knows is what the page says. */
#include <stdio.h>

#include "conf/schema.h"

int main(void)
{
	puts(".TH TERN.CONF 5 \"\" \"tern " TERN_VERSION "\" \"tern\"");
	puts(".SH NAME\ntern.conf \\- swanctl.conf and ternd.conf as tern reads them");
	puts(".SH DESCRIPTION\nThe format is that of strongSwan's swanctl.conf(5) and strongswan.conf(5). "
	     "Keys that tern does not know are errors, and those that it does not support yet are said to be "
	     "so: \\fBtern check\\fR names each with its file and line.");
	puts(".SH KEYS");
	conf_schema_print(stdout);
	puts(".SH SEE ALSO\n.BR ternd (8),\n.BR tern (1)");
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
