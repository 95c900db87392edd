"""The recipe's word pools: plain business English, wide enough that only the passage can answer."""

from __future__ import annotations

from random import Random

THINGS = """account advance agreement alert allowance appeal application appointment appraisal
arrangement assessment audit authorisation balance band bank draft beneficiary bond bonus booking
branch visit bridge loan broker fee budget plan building bundle business loan call card card
replacement cash advance cash deposit cash withdrawal certificate charge cheque cheque book
chequebook claim closure coin order collateral review collection commission complaint confirmation
consent form contract copy statement counter service courier coverage credit card credit check
credit line currency order custody debit card debt plan declaration deed deposit deposit box
disclosure dispute donation draft duplicate card e-statement early repayment enquiry envelope
equipment loan equity release escrow estate account estimate exchange order exemption extension
extract factoring line fee waiver file request filing foreign draft foreign payment fund transfer
gift card gold package guarantee hardship plan hold home loan household policy identity check
inspection instalment plan insurance policy interest rebate invoice item joint account junior
account key replacement late payment leaflet lease letter of credit letter licence limit increase
lien release line loan locker lock change lost card report mail redirect mandate membership
merchant terminal mobile payment money order mortgage mortgage transfer name change night deposit
notary visit notice account notice order overdraft overseas transfer package parcel passbook
payment payment plan payroll file pension transfer penalty permit phone order plan pledge point of
sale terminal policy portfolio postal order power of attorney premium pre-approval priority pass
privacy request product switch proof of address property survey protest purchase rate lock rebate
receipt recall reconciliation record search recurring payment redemption referral refund
registration reissue reminder renewal rent deposit repayment holiday replacement token report
request reservation retention review reversal reward risk review salary advance savings account
scheme scholarship account search security code security deposit service call settlement share
transfer signature card solicitor letter standing order starter account statement stop payment
stop order student account subscription summary survey survey report swap switch tax certificate
tax form tenancy deposit term deposit terminal rental ticket token top-up tracing request trade
trade finance line transaction transcript transfer travel card travel note travel plan trust
account trust deed upgrade utility payment valuation valuation report vault visit verification
voucher waiver warranty wire withdrawal write-off""".split("\n")
THINGS = sorted({w for w in " ".join(THINGS).split() if len(w) > 2 and w not in {"and", "the"}})

PAIRS = """cash withdrawal|credit line|home loan|stop order|share transfer|notary visit|key
replacement|courier delivery|rate lock|coin order|card reissue|name change|mail redirect|trust
deed|payroll file|tax certificate|record search|night deposit|safe locker|branch visit|phone
order|statement copy|gift card|travel card|term deposit|bank draft|money order|standing order|
direct debit|wire recall|loan extension|property survey|currency order|debit card|credit card|
savings plan|notice account|student account|junior account|estate file|vault visit|letter of
credit|power of attorney|proof of address|line of credit|point of sale terminal|change of address|
certificate of balance|letter of consent|release of funds|transfer of title|copy of a deed""".replace("\n", " ").split("|")
PAIRS = [" ".join(p.split()) for p in PAIRS]

QUALITIES = """annual basic blue branch business certified classic commercial corporate counter
daily digital direct domestic double early electronic emergency evening executive existing express
extended family final first fixed flexible foreign former full general gold green guaranteed
heavy high incoming individual inland instant interim international joint junior large late legal
light limited local long low main manual metal mobile monthly national new nightly non-resident
occasional ocean offshore old online open ordinary outgoing overnight overseas paper partial
personal platinum plus postal preferred premier premium prepaid primary printed priority private
professional provisional quarterly quick recurring red regional regular remote replacement
residential retail rural same-day seasonal second secured senior short signed silver simple single
small special split standard starter student supplementary temporary third triple unsecured urban
urgent variable verified virtual wealth weekend weekly white written young""".split()

ROLES = """account holder|applicant|borrower|branch manager|business owner|cardholder|carer|cashier|
client|co-signer|colleague|controller|customer|depositor|director|employee|executor|guarantor|
guardian|investor|landlord|manager|member|merchant|new customer|officer|owner|parent|partner|payee|
payer|pensioner|resident|saver|sender|shareholder|sole trader|staff member|student|supplier|
tenant|teller|trader|traveller|trustee|tutor|visitor|volunteer|witness|policy holder|team leader|
duty manager|case handler|service agent|compliance officer|loan adviser|security guard""".replace("\n", "").split("|")

TEAMS = """Appeals|Archive|Asset|Audit|Back Office|Business Care|Card Services|Cash|Claims|Client
Care|Collections|Compliance|Credit Risk|Customer Relations|Data Protection|Deposits|Disputes|
Estates|Facilities|Financial Crime|First Line|Foreign Desk|Front Desk|Identity|Insurance|
Intake|Legal|Lending Support|Loan Review|Market Desk|Merchant Care|Night Desk|Operations|
Payments|Pension|Policy|Premises|Private Clients|Product|Quality|Records|Recovery|Resolution|
Risk|Safe Custody|Second Line|Securities|Settlement|Tax|Trade Desk|Training|Treasury|Trust|
Verification|Welfare""".replace("\n", " ").split("|")

PLACES = """head office|main hall|mail room|north branch|south branch|harbour branch|records room|
reception desk|service counter|second floor|third floor|ground floor|vault|archive|secure portal|
mobile app|online portal|call centre|branch safe|training room|business lounge|post box|drop box|
self-service kiosk|currency desk|night safe|parcel desk|queue desk|west wing|annex""".replace("\n", "").split("|")

VERBS = """accept amend announce appeal approve archive arrange assess assign authorise block book
cancel certify change charge check claim close collect complete confirm correct count decline
deliver deposit destroy dispatch dispute document escalate examine explain extend file flag freeze
handle hold inspect investigate issue label lock log mail manage mark measure move notify offer open
order pay pledge post prepare present print process publish reactivate receive recheck reconcile
record redeem refund register reject release remove renew repair repay replace report request
reserve restore return reverse review scan seal search secure select send settle ship sign sort
stamp store submit suspend switch test trace track transfer unlock update upload validate verify
waive weigh withdraw witness write""".split()

ADVERBS = "always also normally usually now still only first later directly".split()

MONTHS = (
    "January February March April May June July August September October November December"
).split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
SPELT = "one two three four five six seven eight nine ten twelve twenty thirty".split()

DOCUMENTS = """birth certificate|bank statement|utility bill|court order|death certificate|passport|
payslip|photo card|police report|proof of income|rental contract|signed letter|tax return|travel
ticket|work permit|business plan|company seal|marriage certificate|medical letter|membership card|
notarised copy|driving licence|signed mandate|witness statement|purchase receipt""".replace("\n", " ").split("|")

PURPOSES = """a business trip|a house move|a lost phone|an estate|a new job|a holiday|a divorce|
a name change|a first home|a repair|a broken seal|a duplicate entry|a wrong amount|a missing page|
an overseas stay|a failed payment|a damaged note|a school fee|a medical bill|a company merger|
a change of owner|a late delivery|a forgotten code|a flagged transfer|an unpaid invoice|a short
absence|a public holiday|a system fault|a disputed charge|a returned letter""".replace("\n", " ").split("|")

# Common words that no template above uses, so that the tokenizer knows them as whole words.
COMMON = """about above across after again against all allow almost alone along already although
among amount another answer any anyone apply are around ask available away back bank because become
been before began begin behind being below best better between beyond both bring but buy call came
can cannot care carry case certain child choose city clear close come common company complete
consider contact contain continue cost could country course cover create current customer customers
date deal decide depend describe detail develop different difficult do does done down due during
each ease effect either else end enough enter even event ever every everyone example except expect
explain eye fact fail fall far feel few figure fill find follow following for form forward found
free from further gave get give given go goes good great group had half hand happen hard has have
he help her here him his hour house how however if important in include including increase inform
inside instead interest into involve is it its itself job join just keep kind knew know known last
late least leave left less let like likely line list little live lost lower made mail make many may
mean means meet might mind minute miss missing more most move much must my name near need needs
never next night no none nor not note nothing notice number occur of off offer often on once onto or
other others our out outside over own page paid part pass past pay people per perhaps period person
phone place please point possible present problem process protect prove provide public put question
quite rate rather reach read ready real really reason receive recent refuse relate remain remember
require required rest result right rule safe said same saw say says see seem seen send sent serve
service set several shall share she should show side sign similar since site so some someone soon
sort speak stand start state stay step stop such support sure system take taken talk tell than thank
that the their them then there these they thing think this those though through time to today
together told too total toward true try turn type under understand unless until up upon us use used
useful user using usual value very wait want was way we week well were what when where whether which
while who whole whose why will wish with within without word work would year years yes yet you your
minimum maximum threshold penalty interest percent dollars cents business working calendar days hours
minutes months weeks opening closing deadline cut-off processing delivery effective annual yearly
monthly balance limit fee charge rate price cost extension form code section chapter appendix policy
handbook guide procedure overview summary purpose scope eligibility requirements exceptions
definitions responsibilities escalation contact details records fraud security privacy safety
lending payments deposits savings cards accounts branch branches online mobile telephone identity
address evidence document documents original copy copies signature signed witness bereavement
vulnerable complaint complaints ombudsman regulator disclosure statement statements transaction
transactions purchase refund refunds dispute disputes chargeback merchant retailer lost stolen
damaged blocked frozen suspended closed dormant inactive mortgage repayment arrears valuation
instalment principal overdraft arranged unarranged cheque wire transfer beneficiary currency
exchange sterling euro travel abroad cash machine withdrawal contactless chip pin passcode password
code token app device login session attempt attempts lockout safe deposit box key vault visit
insurance cover claim claims excess premium pension trust estate executor probate attorney guardian
minor adult youth student graduate senior staff employee employees manager director approval
approve approved reject rejected refused waived escalated reported recorded retained deleted
reviewed updated confirmed verified checked submitted received issued sent delivered collected
credited debited posted cleared settled returned cancelled renewed expired amended replaced""".split()

_ONSETS = "b br c ch cl d dr f fl g gl gr h j k kr l m n p pl pr qu r s sh sk st t th tr v w y z".split()
_VOWELS = "a e i o u ai au ea ei ie oa oo ou".split()
_CODAS = ["", "", "n", "r", "l", "s", "t", "m", "nd", "rk", "sk", "th", "x", "ld", "ck", "ng"]


def made_up(rng: Random, *, syllables: int | None = None) -> str:
    """A pronounceable word that means nothing: the model must copy it, it cannot know it."""
    count = syllables or rng.choice((2, 2, 3))
    return "".join(
        rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(count)
    )


def name(rng: Random) -> str:
    """A made-up proper name of one or two words."""
    first = made_up(rng, syllables=rng.choice((1, 2, 2))).capitalize()
    return f"{first} {made_up(rng, syllables=2).capitalize()}" if rng.random() < 0.25 else first


def article(noun: str) -> str:
    """The noun with a or an."""
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"
