// Which REGISTER requests were answered lately, so that a retransmission over UDP is known without a transaction (RFC 3261 §8.2.7, §17.2.2).
//
// Keys are keyed hashes of what makes a repetition, with the place where it came from. Two generations of them, each of
// `lifetime` or half of `limit` entries, whichever is over first; nothing is timed. Forgetting early costs the client one more challenge.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.hpp"

namespace confab::registrar {

class Repeats {
public:
    enum class Answer : std::uint8_t { none, held, registered, refused };

    Repeats(base::Duration lifetime, std::size_t limit) : lifetime_(lifetime), limit_(limit) {}

    Answer find(base::Instant now, std::uint64_t key) const;
    void remember(base::Instant now, std::uint64_t key, Answer answer);

private:
    class Generation {
    public:
        Answer find(std::uint64_t key) const;
        void put(std::uint64_t key, Answer answer);
        std::size_t size() const { return size_; }

    private:
        std::size_t place_of(std::uint64_t key) const;
        void grow();
        std::vector<std::uint64_t> entries_;  // a power of two of them: a key with its answer in the lowest two bits, 0 where nothing is
        std::size_t size_ = 0;
    };

    base::Duration lifetime_;
    std::size_t limit_;
    base::Instant started_{};  // of the present generation
    Generation present_, past_;
};

}  // namespace confab::registrar
