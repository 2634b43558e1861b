/* The sound of many calls, and how late it comes.

   Reads from standard input a line "PORT RELAY" for each party: the UDP port of 127.0.0.1 that is its own, and the port
   of the relay that it talks to; then an empty line.  Parties 0 and 1 are a call, 2 and 3, and so on.  From each line
   "run SECONDS" after that it sends a packet of RTP every 20 ms from each party, evenly spaced, and prints one line:
   packets sent, received, p50, p99 and greatest delay in microseconds, the longest time without a packet at a party in
   milliseconds, the fewest packets that a party heard in a second, and its own greatest lateness in microseconds.  Ends
   with its standard input. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 172, INTERVAL = 20000000, MOST = 4096, SLOTS = 2000001 };

struct party {
    int fd;
    struct sockaddr_in relay;
    uint32_t turn;
    int64_t heard;
    int64_t gap;
    int32_t second, inSecond, fewest;
};

static struct party parties[MOST];
static uint32_t delays[SLOTS]; /* by microseconds, the last for all above */

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void hear(struct party *party, int64_t began, int64_t *received, int64_t *worst) {
    uint8_t packet[2048];
    ssize_t size;
    while ((size = recv(party->fd, packet, sizeof packet, MSG_DONTWAIT)) > 0) {
        if (size != SIZE || (packet[0] >> 6) != 2) continue;
        uint64_t magic;
        int64_t sent;
        memcpy(&magic, packet + 12, 8);
        memcpy(&sent, packet + 20, 8);
        if (magic != 0x5ca1ab1e5ca1ab1eULL || sent < began) continue; /* silence of the gateway, or the run before */
        int64_t moment = now(), delay = moment - sent;
        int64_t slot = delay / 1000;
        delays[slot < SLOTS - 1 ? (slot < 0 ? 0 : slot) : SLOTS - 1]++;
        if (delay > *worst) *worst = delay;
        (*received)++;
        if (party->heard && moment - party->heard > party->gap) party->gap = moment - party->heard;
        party->heard = moment;
        int32_t second = (int32_t)((moment - began) / 1000000000LL);
        if (second != party->second) {
            if (party->second > 0 && party->inSecond < party->fewest) party->fewest = party->inSecond;
            party->second = second;
            party->inSecond = 0;
        }
        party->inSecond++;
    }
}

static int64_t percentile(int64_t count, double share) {
    int64_t seen = 0, wanted = (int64_t)(count * share);
    for (int64_t slot = 0; slot < SLOTS; slot++)
        if ((seen += delays[slot]) > wanted) return slot;
    return 0;
}

static void run(int count, double seconds, int epoll) {
    int64_t began = now(), total = (int64_t)(seconds * 1e9 / INTERVAL) * count, step = INTERVAL / count;
    int64_t received = 0, worst = 0, late = 0, gap = 0;
    int32_t fewest = 1 << 30;
    memset(delays, 0, sizeof delays);
    for (int i = 0; i < count; i++) {
        parties[i].heard = parties[i].gap = 0;
        parties[i].second = parties[i].inSecond = 0;
        parties[i].fewest = 1 << 30;
    }
    struct epoll_event events[256];
    uint8_t packet[SIZE];
    int64_t due = 0, end = began + (int64_t)(seconds * 1e9) + 1000000000LL;
    for (;;) {
        int64_t moment = now();
        while (due < total && moment - began >= due * step) {
            if (moment - began - due * step > late) late = moment - began - due * step;
            struct party *party = &parties[due % count];
            uint16_t sequence = htons((uint16_t)party->turn);
            uint32_t stamp = htonl(party->turn * 160), ssrc = htonl((uint32_t)(due % count) + 1);
            uint64_t magic = 0x5ca1ab1e5ca1ab1eULL;
            packet[0] = 0x80;
            packet[1] = 0;
            memcpy(packet + 2, &sequence, 2);
            memcpy(packet + 4, &stamp, 4);
            memcpy(packet + 8, &ssrc, 4);
            memcpy(packet + 12, &magic, 8);
            moment = now();
            memcpy(packet + 20, &moment, 8);
            sendto(party->fd, packet, SIZE, 0, (struct sockaddr *)&party->relay, sizeof party->relay);
            party->turn++;
            due++;
        }
        if (due >= total && (moment >= end || received >= total)) break;
        int64_t wait = due < total ? began + due * step - now() : 1000000;
        struct timespec timeout = {0, wait > 0 ? (wait < 1000000 ? wait : 1000000) : 0};
        int ready = epoll_pwait2(epoll, events, 256, &timeout, NULL);
        for (int i = 0; i < ready; i++) hear(&parties[events[i].data.u32], began, &received, &worst);
    }
    for (int i = 0; i < count; i++) {
        if (parties[i].gap > gap) gap = parties[i].gap;
        if (parties[i].fewest < fewest) fewest = parties[i].fewest;
    }
    printf("%lld %lld %lld %lld %lld %lld %d %lld\n", (long long)total, (long long)received,
           (long long)percentile(received, 0.5), (long long)percentile(received, 0.99), (long long)(worst / 1000),
           (long long)(gap / 1000000), fewest == 1 << 30 ? 0 : fewest, (long long)(late / 1000));
    fflush(stdout);
}

int main(void) {
    char line[256];
    int count = 0, epoll = epoll_create1(0);
    while (fgets(line, sizeof line, stdin) && line[0] != '\n') {
        int port, relay;
        if (sscanf(line, "%d %d", &port, &relay) != 2 || count == MOST) return 2;
        struct party *party = &parties[count];
        struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        party->relay = own;
        party->relay.sin_port = htons((uint16_t)relay);
        party->fd = socket(AF_INET, SOCK_DGRAM, 0);
        if (party->fd < 0 || bind(party->fd, (struct sockaddr *)&own, sizeof own)) {
            perror("bind");
            return 1;
        }
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)count};
        epoll_ctl(epoll, EPOLL_CTL_ADD, party->fd, &event);
        count++;
    }
    printf("%d\n", count);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        double seconds;
        if (sscanf(line, "run %lf", &seconds) == 1 && count) run(count, seconds, epoll);
    }
    return 0;
}
