#include "sip/client_non_invite.hpp"

#include "sip/machine_rows.hpp"

using namespace confab::sip;

namespace {

using M = ClientNonInvite;
using enum ClientNonInvite::State;
using I = ClientNonInvite::Input;
using enum ClientAction;

const test::Row<M> kRows[] = {
    {trying, I::provisional, {proceeding, {pass_up}}},
    {trying, I::final_response, {completed, {pass_up}, {Timer::k}}},
    {trying, I::timer_e, {trying, {send_request}, {Timer::e}}},
    {trying, I::timer_f, {terminated, {tell_timeout}}},
    {trying, I::timer_k, {trying}},
    {trying, I::transport_error, {terminated, {tell_unreachable}}},

    {proceeding, I::provisional, {proceeding, {pass_up}}},
    {proceeding, I::final_response, {completed, {pass_up}, {Timer::k}}},
    {proceeding, I::timer_e, {proceeding, {send_request}, {Timer::e}}},
    {proceeding, I::timer_f, {terminated, {tell_timeout}}},
    {proceeding, I::timer_k, {proceeding}},
    {proceeding, I::transport_error, {terminated, {tell_unreachable}}},

    {completed, I::provisional, {completed}},
    {completed, I::final_response, {completed}},
    {completed, I::timer_e, {completed}},
    {completed, I::timer_f, {completed}},
    {completed, I::timer_k, {terminated}},
    {completed, I::transport_error, {completed}},

    {terminated, I::provisional, {terminated}},
    {terminated, I::final_response, {terminated}},
    {terminated, I::timer_e, {terminated}},
    {terminated, I::timer_f, {terminated}},
    {terminated, I::timer_k, {terminated}},
    {terminated, I::transport_error, {terminated}},
};

}  // namespace

TEST_CASE("non-INVITE client: every state and input") { test::check_table<M>(kRows, I::transport_error); }

TEST_CASE("non-INVITE client: it starts by trying") {
    CHECK(M::start() == M::Step{trying, {send_request}, {Timer::e, Timer::f}});
    CHECK(Machine<M>().state() == trying);
}
