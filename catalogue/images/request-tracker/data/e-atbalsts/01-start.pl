# What the support of e-service users starts with: one queue, two service levels, answers to frequent questions.
use utf8;

my $values = sub { my $order = 0; return [ map { { Name => $_, SortOrder => ++$order } } @_ ] };

our @Queues = (
    {   Name => 'E-pakalpojumu atbalsts', Description => 'Iedzīvotāju jautājumi par e-pakalpojumiem',
        Lifecycle => 'default', SLADisabled => 0, SLA => 'Parasts' },
);

our @CustomFields = (
    {   Name => 'E-pakalpojums', Type => 'SelectSingle', RenderType => 'Dropdown', Queue => ['E-pakalpojumu atbalsts'],
        Description => 'Pakalpojums, par kuru ir jautājums',
        Values => $values->(
            'Būvniecības lietas', 'Dzīvesvietas deklarēšana', 'E-adrese', 'Nekustamā īpašuma nodoklis', 'Pašvaldības pabalsti',
            'Pieteikšana pirmsskolā', 'Pieteikšanās portālā', 'Rēķinu apmaksa', 'Tehniska kļūda', 'Cits' ) },
    {   Name => 'Saturs', Type => 'Text', LookupType => 'RT::Class-RT::Article', ApplyTo => ['Padomi'], Description => 'Padoma teksts' },
);

our @Classes = ( { Name => 'Padomi', Description => 'Atbildes uz biežiem jautājumiem', ApplyTo => 'E-pakalpojumu atbalsts' } );

our @Groups = (
    { Name => 'Atbalsta darbinieki', Description => 'Atbild uz jautājumiem un raksta padomus' },
    { Name => 'Uzturētāji',          Description => 'Lietotāji, grupas, saraksti' },
);

our @ACL = (
    {   GroupDomain => 'UserDefined', GroupId => 'Atbalsta darbinieki', Queue => 'E-pakalpojumu atbalsts',
        Right => [ qw(SeeQueue CreateTicket ShowTicket ShowTicketComments ShowOutgoingEmail CommentOnTicket ReplyToTicket ModifyTicket OwnTicket),
            qw(TakeTicket StealTicket Watch WatchAsAdminCc ForwardMessage) ] },
    {   GroupDomain => 'UserDefined', GroupId => 'Atbalsta darbinieki',
        Right => [ qw(SeeCustomField ModifyCustomField SetInitialCustomField SeeClass ShowArticle CreateArticle ModifyArticle ShowArticlesMenu ModifySelf),
            qw(LoadSavedSearch CreateSavedSearch EditSavedSearches) ] },
    # People with an account see their own questions and the answers to frequent ones.
    { GroupDomain => 'SystemInternal', GroupType => 'Unprivileged', Queue => 'E-pakalpojumu atbalsts', Right => [qw(SeeQueue CreateTicket)] },
    { GroupDomain => 'SystemInternal', GroupType => 'Unprivileged', Right => [qw(SeeCustomField SetInitialCustomField SeeClass ShowArticle ModifySelf)] },
    { GroupDomain => 'RT::Queue-Role', GroupType => 'Requestor', Queue => 'E-pakalpojumu atbalsts', Right => [qw(ShowTicket ReplyToTicket)] },
    {   GroupDomain => 'UserDefined', GroupId => 'Uzturētāji',
        Right => [qw(AdminUsers AdminGroup AdminGroupMembership SeeGroup ShowConfigTab AdminCustomField AdminCustomFieldValues SeeCustomField SeeQueue ModifySelf)] },
);

our @Members = (
    { Group => 'AdminCc', GroupDomain => 'RT::Queue-Role', GroupInstance => 'E-pakalpojumu atbalsts', Class => 'RT::Group', Name => 'Atbalsta darbinieki' },
);

my @articles = (
    [   'Kā pieteikties portālā', 'Ar ko var pieteikties un ko darīt, ja neizdodas',
        "Pieteikties var ar eID karti, lietotni eParaksts mobile vai internetbanku.\n\nJa neizdodas:\n1. Aizveriet visus pārlūka logus un mēģiniet vēlreiz.\n2. Pamēģiniet citu pārlūku.\n3. Ja redzat kļūdas paziņojumu, pārrakstiet to savā jautājumā." ],
    [   'Kur redzams, vai pieteikums ir saņemts', 'Pieteikuma statuss un termiņi',
        "Pēc iesniegšanas portāls parāda pieteikuma numuru. Saglabājiet to.\n\nAtbildi pašvaldība sniedz likumā noteiktajā termiņā, parasti mēneša laikā. Ja termiņš ir pagājis, uzdodiet jautājumu un norādiet pieteikuma numuru." ],
    [   'Kā samaksāt nekustamā īpašuma nodokli', 'Apmaksa tiešsaistē un kvītis',
        "Pēc pieteikšanās portālā atveriet savu nodokļa paziņojumu un izvēlieties apmaksu. Maksājumā norādiet to klienta numuru, kas ir paziņojumā.\n\nSamaksātais redzams dažu darba dienu laikā." ],
    [   'Ko nerakstīt jautājumā', 'Personas dati un paroles',
        "Nerakstiet personas kodu, paroles un veselības datus. Atbildei pietiek ar pieteikuma numuru, pakalpojuma nosaukumu un kļūdas paziņojumu." ],
);

our @Final = (
    sub {
        my $general = RT::Queue->new( RT->SystemUser );
        $general->Load('General');
        $general->SetDisabled(1) if $general->Id;
        my $queue = RT::Queue->new( RT->SystemUser );
        $queue->Load('E-pakalpojumu atbalsts');
        die 'the queue has no service levels' if !$queue->Id || $queue->SLADisabled;
        for my $given (@articles) {
            my ( $name, $summary, $text ) = @$given;
            my $article = RT::Article->new( RT->SystemUser );
            my ( $id, $why ) = $article->Create( Name => $name, Summary => $summary, Class => 'Padomi' );
            die "the article $name is not made: $why" if !$id;
            my ( $ok, $reason ) = $article->AddCustomFieldValue( Field => 'Saturs', Value => $text );
            die "the article $name has no text: $reason" if !$ok;
        }
    },
);

1;
