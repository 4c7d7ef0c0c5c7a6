#include "conf-bridge/source_latch.hpp"

namespace confab::bridge {

void SourceLatch::expect(const base::SocketAddress& signalled) {
    if (signalled == signalled_) return;
    *this = SourceLatch();
    signalled_ = signalled;
}

bool SourceLatch::admit(const base::SocketAddress& source) {
    if (source == signalled_) {
        settled_ = true;
        learned_.reset();
        return true;
    }
    if (settled_ || source.ip != signalled_.ip) return false;
    if (learned_ == source) return true;
    if (candidate_ != source) {
        candidate_ = source;
        confirmations_ = 0;
    }
    if (++confirmations_ < kConfirmations) return false;
    learned_ = source;
    return true;
}

}  // namespace confab::bridge
