#include "sip/server_non_invite.hpp"

#include "sip/machine_rows.hpp"

using namespace confab::sip;

namespace {

using M = ServerNonInvite;
using enum ServerNonInvite::State;
using I = ServerNonInvite::Input;
using enum ServerAction;

const test::Row<M> kRows[] = {
    {trying, I::retransmission, {trying}},
    {trying, I::provisional, {proceeding, {send_response}}},
    {trying, I::final_response, {completed, {send_response}, {Timer::j}}},
    {trying, I::timer_j, {trying}},

    {proceeding, I::retransmission, {proceeding, {send_response}}},
    {proceeding, I::provisional, {proceeding, {send_response}}},
    {proceeding, I::final_response, {completed, {send_response}, {Timer::j}}},
    {proceeding, I::timer_j, {proceeding}},

    {completed, I::retransmission, {completed, {send_response}}},
    {completed, I::provisional, {completed}},
    {completed, I::final_response, {completed}},
    {completed, I::timer_j, {terminated}},

    {terminated, I::retransmission, {terminated}},
    {terminated, I::provisional, {terminated}},
    {terminated, I::final_response, {terminated}},
    {terminated, I::timer_j, {terminated}},
};

}  // namespace

TEST_CASE("non-INVITE server: every state and input") { test::check_table<M>(kRows, I::timer_j); }

TEST_CASE("non-INVITE server: it starts by trying, with no timer") {
    CHECK(M::start() == M::Step{trying});
    CHECK(Machine<M>().state() == trying);
}
