// Native SEAL on the operations of one program: a process that evaluates it whenever it is asked to, on one thread.
//
// Reads numbers and words: the parameters, the constants' levels and scales, the inputs' and the simple operations (see
// ../measured.ts, which writes them). Writes a line of JSON with SEAL's version; then, for each line that it reads, it evaluates
// once and writes a line with the milliseconds. Constants and inputs are random: SEAL's times do not depend on values.
#include <cstdint>
#include <ctime>
#include <iostream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <seal/seal.h>

using namespace seal;
using std::size_t;

template <typename T> T next() {
    T value;
    if (!(std::cin >> value)) throw std::runtime_error("the program ends too early");
    return value;
}

template <typename T> std::vector<T> list() {
    std::vector<T> values(next<size_t>());
    for (T &value : values) value = next<T>();
    return values;
}

struct Port { size_t level; double scale; };
template <> Port next<Port>() {
    const auto level = next<size_t>();
    return { level, next<double>() };
}

struct Step {
    std::string op;
    size_t to, a, b; // of an input or output: its number among the parts
    Port number;     // of a combination: what its weights are encoded as
    std::vector<size_t> terms;
};

Step step() {
    Step s{ next<std::string>(), 0, 0, 0, { 0, 0 }, {} };
    s.to = next<size_t>();
    s.a = next<size_t>();
    s.b = next<size_t>();
    if (s.op != "combine") return s;
    s.number = next<Port>();
    s.terms = list<size_t>();
    return s;
}

struct Program {
    EncryptionParameters parameters{ scheme_type::ckks };
    std::vector<int> steps;
    std::vector<Port> constants, inputs;
    size_t registers;
    std::vector<Step> instructions;
};

Program program() {
    Program p;
    p.parameters.set_poly_modulus_degree(next<size_t>());
    std::vector<Modulus> primes;
    for (const auto prime : list<std::uint64_t>()) primes.emplace_back(prime);
    p.parameters.set_coeff_modulus(primes);
    p.steps = list<int>();
    p.constants = list<Port>();
    p.inputs = list<Port>();
    p.registers = next<size_t>();
    const auto count = next<size_t>();
    for (size_t i = 0; i < count; i++) p.instructions.push_back(step());
    return p;
}

class Session {
public:
    explicit Session(Program p)
        : program_(std::move(p)), context_(program_.parameters, true, sec_level_type::none), generator_(context_), encoder_(context_),
          evaluator_(context_), encryptor_(context_, generator_.secret_key()), registers_(program_.registers)
    {
        generator_.create_relin_keys(relin_);
        if (!program_.steps.empty()) generator_.create_galois_keys(program_.steps, galois_);
        for (auto data = context_.first_context_data(); data; data = data->next_context_data()) levels_.push_back(data->parms_id());
        for (const Port &port : program_.constants) constants_.push_back(random(port));
        for (const Port &port : program_.inputs) {
            inputs_.emplace_back();
            encryptor_.encrypt_symmetric(random(port), inputs_.back());
        }
    }

    void evaluate() { for (const Step &step : program_.instructions) run(step); }

private:
    const parms_id_type &id(size_t level) const { return levels_.at(levels_.size() - 1 - level); }

    Plaintext random(const Port &port) {
        std::vector<double> values(encoder_.slot_count());
        for (double &value : values) value = std::uniform_real_distribution<>(-1, 1)(source_);
        Plaintext plain;
        encoder_.encode(values, id(port.level), port.scale, plain);
        return plain;
    }

    void combine(const Step &s, Ciphertext &sum) {
        Ciphertext product;
        for (size_t k = 0; k < s.terms.size(); k++) {
            Plaintext weight;
            encoder_.encode(0.3 + 0.001 * static_cast<double>(k), id(s.number.level), s.number.scale, weight);
            evaluator_.multiply_plain(registers_[s.terms[k]], weight, k == 0 ? sum : product);
            if (k > 0) evaluator_.add_inplace(sum, product);
        }
    }

    // f() while the operand wears the scale of the other: SEAL wants scales equal to the last bit.
    template <typename Operand, typename F> static void withScale(Operand &operand, double scale, F f) {
        const double own = operand.scale();
        operand.scale() = scale;
        f();
        operand.scale() = own;
    }

    void run(const Step &s) {
        if (s.op == "output") return;
        const auto a = [&]() -> Ciphertext & { return registers_.at(s.a); };
        const auto b = [&]() -> Ciphertext & { return registers_.at(s.b); };
        Ciphertext to;
        if (s.op == "input") to = inputs_.at(s.a);
        else if (s.op == "add") withScale(b(), a().scale(), [&] { evaluator_.add(a(), b(), to); });
        else if (s.op == "subtract") withScale(b(), a().scale(), [&] { evaluator_.sub(a(), b(), to); });
        else if (s.op == "negate") evaluator_.negate(a(), to);
        else if (s.op == "multiply" && s.a == s.b) evaluator_.square(a(), to);
        else if (s.op == "multiply") evaluator_.multiply(a(), b(), to);
        else if (s.op == "addPlain") withScale(constants_.at(s.b), a().scale(), [&] { evaluator_.add_plain(a(), constants_[s.b], to); });
        else if (s.op == "multiplyPlain") evaluator_.multiply_plain(a(), constants_.at(s.b), to);
        else if (s.op == "relinearize") evaluator_.relinearize(a(), relin_, to);
        else if (s.op == "rescale") evaluator_.rescale_to_next(a(), to);
        else if (s.op == "rotate") evaluator_.rotate_vector(a(), static_cast<int>(s.b), galois_, to);
        else if (s.op == "modSwitch") evaluator_.mod_switch_to(a(), id(s.b), to);
        else if (s.op == "combine") combine(s, to);
        else throw std::runtime_error("no operation " + s.op);
        registers_.at(s.to) = std::move(to);
    }

    Program program_;
    SEALContext context_;
    KeyGenerator generator_;
    CKKSEncoder encoder_;
    Evaluator evaluator_;
    Encryptor encryptor_;
    RelinKeys relin_;
    GaloisKeys galois_;
    std::vector<parms_id_type> levels_;
    std::vector<Plaintext> constants_;
    std::vector<Ciphertext> inputs_, registers_;
    std::mt19937_64 source_{ 1 };
};

double milliseconds(clockid_t clock) {
    timespec time;
    clock_gettime(clock, &time);
    return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
}

int main() try {
    Session session(program());
    std::cout << "{\"version\":\"" << SEAL_VERSION_MAJOR << '.' << SEAL_VERSION_MINOR << '.' << SEAL_VERSION_PATCH << "\"}" << std::endl;
    std::string line;
    std::getline(std::cin, line);
    while (std::getline(std::cin, line)) {
        const double wall = milliseconds(CLOCK_MONOTONIC), cpu = milliseconds(CLOCK_PROCESS_CPUTIME_ID);
        session.evaluate();
        std::cout << "{\"wall\":" << milliseconds(CLOCK_MONOTONIC) - wall << ",\"cpu\":" << milliseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu << '}'
                  << std::endl;
    }
} catch (const std::exception &error) {
    std::cerr << error.what() << std::endl;
    return 1;
}
