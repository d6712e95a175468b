/* Loading the configuration directory into the engine and the holder of credentials, at the start
 * and again on SIGHUP. */
#pragma once

struct host;

/* Returns 0, or -EINVAL where something was wrong, which is in the log; what is good is loaded in
 * any case. A directory that isn't there is empty unless the command line named it. */
int config_load(struct host *h);

/* Reads the settings; before anything else. Problems go to the log. Returns 0 or -EINVAL. */
int config_read_settings(struct host *h);
