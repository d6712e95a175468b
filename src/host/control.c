/* The control socket, until src/vici is there: nothing listens. What VICI is to be joined with: its
 * commands are host_command() with ids above CONTROL_ID_HOST; after load-conn
 * host_start_children(); after anything that changes credentials host_credentials_changed(); reload
 * is config_load(); counters are esp_stats(plane_esp(h->plane), …); its `log` event is a subscriber
 * in h->log. */
#include "host/control.h"

#include "host/host.h"

int control_open(struct host *h)
{
	log_text(&h->log, "DMN", 0, "this build has no control socket");
	return 0;
}

void control_close(struct host *h)
{
	(void)h;
}

void control_event(struct host *h, const struct ike_event *event)
{
	(void)h;
	(void)event;
}
