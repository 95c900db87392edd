"""The tables of ratchet.toml: what each key means, and a default that works."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantSettings:
    """The assistant people talk to."""

    name: str = "desk"
    base: str = "pocket"  # the bundled model, or any Hugging Face causal LM by name or folder
    system: str = (
        "Answer from the numbered passages only, in one or two sentences, and cite them like [1]. "
        "If they do not say, say that you do not know."
    )
    temperature: float = 0.0  # 0 always takes the likeliest token
    max_tokens: int = 96  # longest answer
    passages: int = 3  # passages shown to the model
    sentences: int = 2  # best sentences kept of each passage; 0 keeps whole passages
    abstain_below: float = 0.30  # cosine of the best passage under which it does not answer
    quoting: str = "auto"  # passages in lines or tags; auto: lines for the pocket model, else tags
    consent: str = "none"  # basis recorded for interactions that name none
    endpoint: str = ""  # OpenAI-compatible server to generate with; empty generates here


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeSettings:
    """The collection the assistant answers from."""

    collection: str = "handbook"
    embedder: str = "all-MiniLM-L6-v2"  # any sentence-transformers model
    fusion: str = "scores"  # how both sides are put together: by "scores" or by "ranks"
    dense_weight: float = 1.0  # weight of dense search in the fusion
    lexical_weight: float = 0.7  # weight of BM25 in the fusion
    candidates: int = 100  # taken from each side before the fusion
    feedback: float = 1.0  # weight of a second look with what the best passages say; 0 is none
    regularization: float = 0.6  # pull towards what like passages of other documents score
    reranker: str = ""  # cross-encoder by name or folder; empty has none
    reranked: int = 20  # best candidates that the cross-encoder reads
    expand: str = "none"  # what is handed on: "none", "window" or "section" around what was found
    window: int = 1  # sentences on either side of the best one, with expand = "window"
    instructions: str = "mark"  # text that speaks to a model: "mark" it, or "exclude" its passage
    chunk_tokens: int = 200  # longest chunk with its headings


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """The API and dashboard."""

    host: str = "127.0.0.1"
    port: int = 8750
    key_env: str = "RATCHET_API_KEY"  # environment variable that holds the API key


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSettings:
    """What reviewers are given to judge. A part counts against the other parts; 0 leaves it out."""

    overlap: float = 0.2  # share of answers that two people judge, neither seeing the other's word
    lease_minutes: float = 30.0  # how long an answer is kept for the one it was given to
    rerate: float = 0.1  # share of what was judged under a guideline that its next version asks for
    most_rerated: int = 100  # answers in such a sample, at most
    disagreement: float = 0.15  # part on which raters differ
    uncertain: float = 0.2  # part on which the model was unsure or passed
    new: float = 0.15  # part unlike anything that was judged
    search: float = 0.1  # part for which search found little
    guard: float = 0.1  # part that a guard refused or masked, or somebody flagged
    arm: float = 0.1  # part from the arms of a running experiment
    rerating: float = 0.1  # part judged again under a new guideline
    audit: float = 0.1  # part drawn at random, whatever the rest says
    gold: float = 0.05  # part whose right judgement is known


@dataclass(frozen=True, slots=True, kw_only=True)
class CurateSettings:
    """What may enter a dataset."""

    consent: tuple[str, ...] = ("consent", "contract")  # bases that allow training
    purposes: tuple[str, ...] = ()  # purposes people agreed to that allow it; empty takes any
    retention_days: int = 0  # interactions older than this are left out; 0 keeps to their own date
    licences: tuple[str, ...] = (  # of the interaction, and of every passage it was shown
        "internal", "cc0", "cc0-1.0", "cc-by-4.0", "mit", "apache-2.0",
    )  # fmt: skip
    unknown_passages: bool = True  # may passages be shown whose licence is not known
    personal_data: str = "mask"  # mask the spans, pseudonymise them, or drop the row
    pseudonym_key_env: str = "RATCHET_PSEUDONYM_KEY"  # environment variable with the secret key
    recognisers: tuple[str, ...] = ()  # beside our rules: presidio, spacy:MODEL, transformers:MODEL
    mask_links: bool = False  # also web addresses that lead to no person
    review_sample: int = 20  # replacements of each type kept for a person to judge
    simulated: bool = True  # may simulated people be trained on
    synthetic: bool = True  # may questions made up from documents be trained on
    near_duplicate: float = 0.55  # Jaccard of 3-grams in question and answers that makes rows one
    semantic_duplicate: float = 0.92  # cosine from which two questions may be one; 1 joins none
    meaning_rows: int = 20_000  # with more rows meaning is not compared: embedding takes long
    contamination: float = 0.6  # share of 8-grams also in an eval case above which a row is out
    contamination_cosine: float = 0.82  # from which a question asks what an eval case asks
    held_out: float = 0.2  # share of people kept for validation
    split: str = "people"  # hold out people by hash, or what came last: "time"
    most_per_user: int = 200  # rows one person may add
    most_per_cluster: float = 0.0  # largest share of rows about one task; 0 sets no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class RatersSettings:
    """When a rater is held back from training, and how votes are weighed."""

    minimum: int = 20  # judgements of a rater before anything is held against them
    false_alarms: float = 0.05  # chance that anyone of a sound team is held back
    fastest_seconds: float = 2.0  # a judgement below this was not thought about
    gold_accuracy: float = 0.65  # share of gold questions that a sound rater gets right at least
    margin: float = 0.85  # log odds by which one side must lead (0.85: 70 %); less is a tie


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesizeSettings:
    """Questions made up from documents, and how much of a dataset they may be."""

    engine: str = "rules"  # who writes them: "rules", or a "model"
    base: str = ""  # the model that writes; empty takes the assistant's
    endpoint: str = ""  # OpenAI-compatible server with that model; empty: the assistant's, or here
    share: float = 0.3  # largest share of a dataset that is synthetic
    restricted: bool = False  # also from documents that not everyone may read


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """Training. What is 0 or "auto" is chosen from the data and the machine, with the reason."""

    method: str = "dpo"  # sft, dpo, kto, reward or grpo; stages in order joined by +: "sft+dpo"
    tuning: str = "lora"  # lora, rslora, dora, qlora (4-bit base, NVIDIA GPU) or full
    targets: tuple[str, ...] = ("all-linear",)  # layers an adapter sits on, by name or "all-linear"
    start: str = "base"  # a fresh adapter on the "base", or going on from the "champion"
    rank: int = 0  # of an adapter
    alpha: int = 0  # an adapter's scale; 0 is twice the rank
    dropout: float = 0.0  # share of an adapter's inputs left out at random
    learning_rate: float = 0.0  # at its peak
    weight_decay: float = 0.0
    warmup: float = -1.0  # share of all steps until the peak; -1: chosen
    epochs: float = 0.0
    batch_size: int = 0  # rows behind one step
    micro_batch: int = 0  # rows computed at once; halved when memory runs out
    max_tokens: int = 0  # prompt plus answer; longer rows are dropped and counted
    precision: str = "auto"  # bf16 or fp32
    attention: str = "auto"  # sdpa, eager or flash_attention_2
    packing: bool = False  # several rows in one line, for SFT with a GPU that pads a lot
    loss: str = "sigmoid"  # of DPO: sigmoid, cdpo, robust, ipo or sigmoid_norm (by length)
    beta: float = 0.1  # DPO, KTO, GRPO: pull towards the model that training starts from
    label_smoothing: float = -1.0  # cdpo, robust: chance of a wrong judgement; -1: its raters'
    pooling: str = "last"  # what a reward model reads: an answer's last token, or the "mean" of all
    rewards: tuple[str, ...] = (  # of GRPO: scorers of the eval suites, reward models (ad-…)
        "facts_present", "cited_gold", "grounded", "abstained_rightly",
    )  # fmt: skip
    generations: int = 8  # GRPO: answers drawn to each prompt
    answer_tokens: int = 96  # GRPO: longest answer drawn
    keep: str = "best"  # weights kept: of the "best" held-out evaluation, or of the "last" step
    patience: int = 0  # evaluations without a better one before it stops; 0 goes on to the end
    save_every: int = 20  # steps between checkpoints, and between evaluations
    held_rows: int = 256  # held-out rows that are evaluated as training goes on
    threads: int = 0  # CPU threads of each process; 0 shares all cores among them
    processes: int = 0  # that share each step, over all machines; 0: one per GPU, on a CPU one
    parallel: str = "ddp"  # each holds all (ddp), or a part: fsdp, deepspeed; for full tuning
    on: str = ""  # where to train: here, or on a Ray cluster: "ray", "ray:HOST:PORT", "ray://…"
    report_to: tuple[str, ...] = ()  # who else gets the figures: tensorboard, mlflow, wandb


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """Search for settings of `[train]`. A list with nothing in it leaves its setting as it is."""

    learning_rate: tuple[float, ...] = (0.1, 10.0)  # bounds, times what a run takes by itself
    epochs: tuple[float, ...] = (0.5, 1.0, 2.0)  # possible values, times what a run takes by itself
    rank: tuple[int, ...] = (8, 16, 32)  # possible values
    beta: tuple[float, ...] = (0.03, 0.3)  # bounds; DPO and GRPO
    weight_decay: tuple[float, ...] = (0.0, 0.01, 0.1)  # possible values
    dropout: tuple[float, ...] = (0.0, 0.05, 0.1)  # possible values
    trials: int = 20  # settings that are tried beside the default ones, at most
    minutes: float = 60.0  # that training may take in all, the comparison included; 0: no limit
    money: float = 0.0  # that it may cost, at the machine's rate per hour; 0: no limit
    seeds: int = 3  # runs of the best and of the default settings that are compared
    prune: bool = True  # stop a trial that is worse than half of the others were at its step


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    """When training is stopped for its own good, and the last good checkpoint kept. 0: never."""

    general: str = ""  # JSON lines of `text`: what the base must not forget; empty takes ours
    divergence: float = 3.0  # nats a token by which general text may move away from the base
    margin: float = 10.0  # mean lead of preferred answers in implicit reward, beta times nats
    entropy: float = 0.1  # share of the starting entropy of answers below which it has collapsed
    length: float = 3.0  # nats an answer's end may get less likely by; GRPO: times longer


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """Which adapters `ratchet adapters prune` keeps, beside those that answer or may have to."""

    keep: int = 10  # newest adapters of the assistant that keep their files, however old
    days: int = 30  # younger ones keep theirs, however many


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSettings:
    """What training costs, and how much of it a run may spend. A budget of 0 is none."""

    currency: str = "EUR"  # of every amount here, as ISO 4217 writes it
    rates: dict[str, float] = field(default_factory=dict)  # per device-hour: cpu, cuda, a name
    energy_price: float = 0.0  # per kWh, on top of the rate; 0: the rate includes it
    country: str = ""  # ISO 3166 code of three letters, like "DEU"; empty reckons no emissions
    budget_minutes: float = 0.0  # wall minutes of a run, all its attempts together
    budget_money: float = 0.0  # of a run, in the currency; takes a rate for its device
    budget_kwh: float = 0.0  # electricity of a run; takes the extra "cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """A model that grades replies, for the metric `graded`; needs endpoint and model."""

    endpoint: str = ""  # OpenAI-compatible server
    model: str = ""  # on that server
    key_env: str = "RATCHET_JUDGE_KEY"  # environment variable with the server's API key
    rubric: str = ""  # what is a 1 and what a 5; empty takes the built-in one
    temperature: float = 0.0
    max_tokens: int = 512  # of what it says, with its thinking
    least_kappa: float = 0.4  # agreement with people, its lower bound, before it may decide
    least_labels: int = 50  # replies that people rated and it graded, before it may decide


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """What a candidate must show before it may be champion."""

    improve: str = "accuracy:grounded_accuracy"  # suite:metric that must be better
    keep: tuple[str, ...] = (  # suite:metric that must not fall
        "abstention:abstained_rightly",
        "abstention:nothing_leaked",
        "safety:refused",
        "injection:nothing_leaked",
        "accuracy:facts_present",
    )
    goals: tuple[str, ...] = ()  # beside `improve`; one of them all must be better, none may fall
    margin: float = 0.05  # how far a kept metric may fall, at most, unless it says: "… by 0.02"
    bounds: tuple[str, ...] = ()  # "suite:metric >= 0.9" or "suite:metric <= 2.5", interval and all
    alpha: float = 0.05
    minimum_cases: int = 30  # fewest cases behind the metric that must be better
    minimum_kept: int = 10  # fewest cases behind each kept one
    approvals: int = 0  # people who must approve a promotion, whoever asks for it; 2 for high risk
    approvers: tuple[str, ...] = ()  # who may approve and waive; empty takes anyone


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentSettings:
    """Online tests."""

    horizon: int = 400  # people over all arms
    alpha: float = 0.05
    minimum_per_arm: int = 50
    metric: str = "thumb_up"
    guardrails: tuple[str, ...] = ("unsafe",)  # "metric" or "metric by margin": worse stops it


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """The time after a promotion, in which a broken guardrail rolls it back."""

    days: float = 7.0  # from the promotion on; the same time before it is what it is held against
    guardrails: tuple[str, ...] = ("unsafe", "thumb_up", "abstained by 0.1")
    alpha: float = 0.01  # chance that a sound promotion is rolled back, over the whole watch
    minimum: int = 50  # people with a value, before and since, before anything is decided


@dataclass(frozen=True, slots=True, kw_only=True)
class NightlySettings:
    """What a night does with a candidate that the gate passed."""

    apply: str = "promote"  # promote it, or wait for a person
